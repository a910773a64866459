//! TLS on the gRPC port: rustls on aws-lc-rs, TLS 1.2 or newer, ALPN `h2`.
//!
//! The files are read again each second, and where their content has changed, new
//! handshakes go by it; connections that are open stay. Files that do not make a
//! whole are refused with the reason in the log, and what was there goes on: a
//! certificate and a key that are written one after the other are such files for a
//! moment. An example: cert-manager swaps a symlink at 12:00:00; a handshake at
//! 12:00:02 sees the new certificate, a call under way sees nothing.

mod material;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::server::TlsStream;
use tracing::{error, info};

use self::material::{Content, Material};
use crate::grpc::GrpcMetrics;

pub use self::material::TlsError;
pub(crate) use self::material::Validity;

/// How often the files are read.
const POLL_EACH: Duration = Duration::from_secs(1);

/// Which files make up our side of TLS, all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Our certificate first, then those that lead to the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The roots of those who may call. Unset: nobody is asked for a certificate;
    /// set: nobody comes in without one.
    pub client_ca: Option<PathBuf>,
}

/// Our side of TLS, as the files have it.
pub struct Tls {
    settings: TlsSettings,
    current: ArcSwap<Material>,
}

impl Tls {
    /// Reads the files. It blocks: it is meant for the start.
    ///
    /// # Errors
    /// Where they cannot be read or do not make a whole.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let material = Material::of(Content::read(&settings)?, &settings)?;
        let current = ArcSwap::from_pointee(material);
        Ok(Self { settings, current })
    }

    /// Goes by the files for ever, where there is TLS; `metrics` learns when the
    /// certificate expires.
    pub async fn watch(tls: Option<&Arc<Self>>, metrics: &GrpcMetrics) {
        match tls {
            Some(tls) => tls.follow(metrics).await,
            None => std::future::pending().await,
        }
    }

    async fn follow(self: &Arc<Self>, metrics: &GrpcMetrics) {
        metrics.tls.counts(self.current.load().validity);
        // A refused state of the files is told once.
        let mut refused = None;
        loop {
            sleep(POLL_EACH).await;
            let (this, seen) = (self.clone(), refused.clone());
            let look = tokio::task::spawn_blocking(move || this.look(seen.as_ref()));
            match look.await {
                Ok(Look::Same) => {}
                Ok(Look::Changed(material)) => {
                    info!(
                        certificate = %self.settings.certificate.display(),
                        expires = material.validity.not_after,
                        "certificate loaded again"
                    );
                    metrics.tls.applied(material.validity);
                    self.current.store(material);
                    refused = None;
                }
                Ok(Look::Refused(problem)) => {
                    error!(%problem, "certificate refused: the one before stays");
                    metrics.tls.refused();
                    refused = Some(problem);
                }
                Err(problem) => error!(%problem, "the certificate's files were not read"),
            }
        }
    }

    /// What has become of the files; blocks.
    fn look(&self, refused: Option<&TlsError>) -> Look {
        let content = Content::read(&self.settings);
        if content
            .as_ref()
            .is_ok_and(|content| *content == self.current.load().content)
        {
            return Look::Same;
        }
        match content.and_then(|content| Material::of(content, &self.settings)) {
            Ok(material) => Look::Changed(Arc::new(material)),
            Err(problem) if refused == Some(&problem) => Look::Same,
            Err(problem) => Look::Refused(problem),
        }
    }

    /// Shakes hands over `io`: the stream in it, and the peer's certificates.
    /// Dropped half way, the connection ends.
    pub(crate) async fn accept<IO>(
        &self,
        io: IO,
    ) -> io::Result<(TlsStream<IO>, Arc<[CertificateDer<'static>]>)>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.current.load().config.clone();
        let stream = TlsAcceptor::from(config).accept(io).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let certificates = certificates.unwrap_or_default().to_vec();
        Ok((stream, certificates.into()))
    }
}

/// What a look at the files shows.
enum Look {
    Same,
    Changed(Arc<Material>),
    Refused(TlsError),
}
