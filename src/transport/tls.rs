//! TLS on the gRPC port: rustls with aws-lc-rs, TLS 1.2 or newer, ALPN `h2`.
//!
//! The files are read every second. When their content has changed, new handshakes use
//! it, and open connections stay. Files that cannot be used together are rejected with
//! the reason in the log, and the previous files stay in use; this happens for a moment
//! when certificate and key are written one after the other. For example, cert-manager
//! swaps a symlink at 12:00:00: a handshake at 12:00:02 uses the new certificate, and
//! requests in progress are not affected.

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
use super::TransportMetrics;
use super::tls_metrics::TlsMetrics;

pub use self::material::TlsError;
pub(super) use self::material::Validity;

/// How often the files are read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The files of the server's TLS configuration, all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate chain: the server's certificate first, then the intermediates.
    pub certificate: PathBuf,
    /// The private key of the server's certificate.
    pub key: PathBuf,
    /// The root certificates that client certificates are verified against (mTLS).
    /// Unset, clients are not asked for a certificate; set, they must present one.
    pub client_ca: Option<PathBuf>,
}

/// The server's TLS configuration, kept up to date with its files.
pub struct Tls {
    settings: TlsSettings,
    current: ArcSwap<Material>,
}

impl Tls {
    /// Reads the files. It blocks, so call it at start only.
    ///
    /// # Errors
    /// If the files cannot be read or used together.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let material = Material::new(Content::read(&settings)?, &settings)?;
        let current = ArcSwap::from_pointee(material);
        Ok(Self { settings, current })
    }

    /// Reloads the files of `tls` when they change, for ever. `metrics` receives the
    /// validity of the certificate. Without TLS it waits for ever.
    pub async fn watch(tls: Option<&Arc<Self>>, metrics: &TransportMetrics) {
        match tls {
            Some(tls) => tls.reload_on_change(&metrics.tls).await,
            None => std::future::pending().await,
        }
    }

    async fn reload_on_change(self: &Arc<Self>, metrics: &TlsMetrics) {
        metrics.set_validity(self.current.load().validity);
        // The same error is logged and counted once.
        let mut rejected = None;
        loop {
            sleep(POLL_INTERVAL).await;
            let (this, known) = (self.clone(), rejected.clone());
            let check = tokio::task::spawn_blocking(move || this.check_files(known.as_ref()));
            match check.await {
                Ok(FileChange::None) => {}
                Ok(FileChange::Valid(material)) => {
                    info!(
                        certificate = %self.settings.certificate.display(),
                        expires = material.validity.not_after,
                        "certificate reloaded"
                    );
                    metrics.applied(material.validity);
                    self.current.store(material);
                    rejected = None;
                }
                Ok(FileChange::Invalid(error)) => {
                    error!(%error, "certificate reload rejected, keeping previous certificate");
                    metrics.refused();
                    rejected = Some(error);
                }
                Err(error) => error!(%error, "cannot check TLS files"),
            }
        }
    }

    /// Compares the files with the configuration in use; blocks. An error that equals
    /// `known` is no change.
    fn check_files(&self, known: Option<&TlsError>) -> FileChange {
        let content = Content::read(&self.settings);
        if content
            .as_ref()
            .is_ok_and(|content| *content == self.current.load().content)
        {
            return FileChange::None;
        }
        match content.and_then(|content| Material::new(content, &self.settings)) {
            Ok(material) => FileChange::Valid(Arc::new(material)),
            Err(error) if known == Some(&error) => FileChange::None,
            Err(error) => FileChange::Invalid(error),
        }
    }

    /// Performs the handshake over `io`, and returns the stream and the peer's
    /// certificates. Dropped half way, it closes the connection.
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

/// How the files changed.
enum FileChange {
    None,
    Valid(Arc<Material>),
    Invalid(TlsError),
}
