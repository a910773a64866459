//! TLS on the gRPC port: rustls with aws-lc-rs, TLS 1.2 or newer, ALPN `h2`.
//!
//! The files are read every second. When their content has changed and then stayed the
//! same for a second, new handshakes use it, and open connections stay. Files that cannot
//! be used together, and a certificate that has expired or is not valid yet, are rejected
//! with the reason in the log. The previous files stay in use, and the rejected ones are
//! tried again each minute. At the start there are no previous files: a certificate outside
//! its validity is then used, and an error is logged. For example, cert-manager swaps a symlink at
//! 12:00:00: a handshake at 12:00:03 uses the new certificate, and requests in progress are
//! not affected.

mod client_verifier;
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
use crate::change::{Condition, ContentWatch};

pub use self::material::TlsError;
pub(super) use self::material::Validity;

/// The time between two attempts to use rejected files.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

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
        if let Err(error) = material.check_validity(&settings) {
            error!(%error, "certificate used outside its validity, clients refuse it");
        }
        let current = ArcSwap::from_pointee(material);
        Ok(Self { settings, current })
    }

    /// Reads the files, and checks that the certificate is valid now. Returns when it
    /// expires. It blocks.
    ///
    /// # Errors
    /// If the files cannot be read or used together, or the certificate is not valid.
    pub fn check(settings: &TlsSettings) -> Result<String, TlsError> {
        let material = Material::new(Content::read(settings)?, settings)?;
        material.check_validity(settings)?;
        Ok(material::shown(material.validity.not_after).to_string())
    }

    /// Reloads the files of `tls` when they change, for ever. `metrics` receives the
    /// validity of the certificate. Without TLS it waits for ever.
    pub async fn watch(tls: Option<&Arc<Self>>, metrics: &TransportMetrics) {
        match tls {
            Some(tls) => tls.reload_on_change(&metrics.tls).await,
            None => std::future::pending().await,
        }
    }

    async fn reload_on_change(&self, metrics: &TlsMetrics) {
        let (settings, current) = (self.settings.clone(), self.current.load_full());
        metrics.set_validity(current.validity);
        let mut files = ContentWatch::new(Ok(current.content.clone()), move || {
            Content::read(&settings)
        });
        let rejection = Condition::default();
        let mut content = files.changed().await;
        loop {
            match content.clone().and_then(|content| self.usable(content)) {
                Ok(material) => {
                    rejection.end();
                    info!(
                        certificate = %self.settings.certificate.display(),
                        expires = %material::shown(material.validity.not_after),
                        "certificate reloaded"
                    );
                    metrics.applied(material.validity);
                    self.current.store(Arc::new(material));
                    content = files.changed().await;
                }
                Err(error) => {
                    if rejection.begin(error.clone()) {
                        error!(%error, "certificate reload rejected, keeping previous certificate");
                        metrics.refused();
                    }
                    tokio::select! {
                        changed = files.changed() => content = changed,
                        // The certificate may have become valid.
                        () = sleep(RETRY_INTERVAL) => {}
                    }
                }
            }
        }
    }

    fn usable(&self, content: Content) -> Result<Material, TlsError> {
        let material = Material::new(content, &self.settings)?;
        material.check_validity(&self.settings)?;
        Ok(material)
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
