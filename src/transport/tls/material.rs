//! Builds the rustls configuration from the TLS files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, ServerConfig};
use x509_parser::parse_x509_certificate;

use super::TlsSettings;
use super::client_verifier::ClientVerifier;
use crate::model::{unix_time, wall_clock};

/// Why the files of `[grpc.tls]` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// One file cannot be read or parsed.
    #[error("{key} = \"{}\": {problem}", path.display())]
    File {
        /// The configuration key of the file.
        key: &'static str,
        /// Its path.
        path: PathBuf,
        /// The cause.
        problem: String,
    },
    /// Each file is valid, but they cannot be used together.
    #[error("grpc.tls: certificate and key cannot be used together: {0}")]
    Mismatch(String),
}

/// The content of the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Content {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let read = |key, path: &Path| {
            std::fs::read(path).map_err(|error| file_error(key, path, &error.to_string()))
        };
        let client_ca = settings.client_ca.as_deref();
        Ok(Self {
            certificate: read("grpc.tls.certificate", &settings.certificate)?,
            key: read("grpc.tls.key", &settings.key)?,
            client_ca: client_ca
                .map(|path| read("grpc.tls.client_ca", path))
                .transpose()?,
        })
    }
}

/// The configuration that handshakes use.
pub(super) struct Material {
    pub(super) content: Content,
    pub(super) config: Arc<ServerConfig>,
    pub(super) validity: Validity,
}

/// The validity of the server's certificate, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) struct Validity {
    pub(in crate::transport) not_before: i64,
    pub(in crate::transport) not_after: i64,
}

impl Material {
    pub(super) fn new(content: Content, settings: &TlsSettings) -> Result<Self, TlsError> {
        let invalid =
            |problem: &str| file_error("grpc.tls.certificate", &settings.certificate, problem);
        let chain = certificates(&content.certificate).map_err(|error| invalid(&error))?;
        let (_, certificate) =
            parse_x509_certificate(&chain[0]).map_err(|error| invalid(&error.to_string()))?;
        let validity = Validity {
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        };
        let key = private_key(&content.key)
            .map_err(|error| file_error("grpc.tls.key", &settings.key, &error))?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsError::Mismatch(error.to_string()))?;
        let builder = match (&settings.client_ca, &content.client_ca) {
            (Some(path), Some(roots)) => {
                let verifier = certificates(roots)
                    .and_then(|roots| ClientVerifier::new(roots, &provider))
                    .map_err(|error| file_error("grpc.tls.client_ca", path, &error))?;
                builder.with_client_cert_verifier(Arc::new(verifier))
            }
            _ => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                TlsError::Mismatch("the key is not that of the certificate".to_owned())
            }
            error => TlsError::Mismatch(error.to_string()),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let config = Arc::new(config);
        Ok(Self {
            content,
            config,
            validity,
        })
    }

    /// Checks that the certificate is valid now.
    pub(super) fn check_validity(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        let now = i64::try_from(unix_time(wall_clock()).as_secs()).unwrap_or(i64::MAX);
        let Validity {
            not_before,
            not_after,
        } = self.validity;
        let problem = if now > not_after {
            format!("the certificate expired at {}", shown(not_after))
        } else if now < not_before {
            format!("the certificate is not valid before {}", shown(not_before))
        } else {
            return Ok(());
        };
        let path = &settings.certificate;
        Err(file_error("grpc.tls.certificate", path, &problem))
    }
}

pub(super) fn shown(seconds: i64) -> impl std::fmt::Display {
    let since_epoch = Duration::from_secs(seconds.try_into().unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch)
}

fn file_error(key: &'static str, path: &Path, problem: &str) -> TlsError {
    TlsError::File {
        key,
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Parses at least one certificate.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let parsed = parsed.map_err(|error| error.to_string())?;
    if parsed.is_empty() {
        return Err("it contains no certificate".to_owned());
    }
    Ok(parsed)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if String::from_utf8_lossy(pem).contains("ENCRYPTED") {
        return Err("it is encrypted: decrypt it with openssl pkey -in KEY -out FILE".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(pem);
    key.map_err(|error| format!("it contains no private key in PEM: {error}"))
}
