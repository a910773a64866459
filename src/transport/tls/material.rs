//! From the files to a configuration of rustls, or to what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs::default_provider};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

use super::TlsSettings;

/// What is wrong with the files of `[grpc.tls]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// One cannot be read.
    #[error("{key} = \"{}\": {problem}", path.display())]
    File {
        /// The key that names it.
        key: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Each can be read, and together they do not fit.
    #[error("grpc.tls: certificate and key do not make a whole: {0}")]
    Whole(String),
}

/// What the files hold.
#[derive(PartialEq, Eq)]
pub(super) struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Content {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let read = |key, path: &Path| {
            std::fs::read(path).map_err(|problem| at(key, path, &problem.to_string()))
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

/// What handshakes go by.
pub(super) struct Material {
    pub(super) content: Content,
    pub(super) config: Arc<ServerConfig>,
    pub(super) validity: Validity,
}

/// From when to when our certificate counts, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

impl Material {
    pub(super) fn of(content: Content, settings: &TlsSettings) -> Result<Self, TlsError> {
        let wrong = |problem: &str| at("grpc.tls.certificate", &settings.certificate, problem);
        let chain = certificates(&content.certificate).map_err(|problem| wrong(&problem))?;
        let (_, ours) =
            parse_x509_certificate(&chain[0]).map_err(|problem| wrong(&problem.to_string()))?;
        let validity = Validity {
            not_before: ours.validity().not_before.timestamp(),
            not_after: ours.validity().not_after.timestamp(),
        };
        let key = PrivateKeyDer::from_pem_slice(&content.key)
            .map_err(|problem| at("grpc.tls.key", &settings.key, &problem.to_string()))?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|problem| TlsError::Whole(problem.to_string()))?;
        let builder = match (&settings.client_ca, &content.client_ca) {
            (Some(path), Some(roots)) => {
                let verifier = verifier(roots, provider)
                    .map_err(|problem| at("grpc.tls.client_ca", path, &problem))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|problem| TlsError::Whole(problem.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let config = Arc::new(config);
        Ok(Self {
            content,
            config,
            validity,
        })
    }
}

fn at(key: &'static str, path: &Path, problem: &str) -> TlsError {
    TlsError::File {
        key,
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

/// At least one certificate.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|problem| problem.to_string())?;
    if found.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(found)
}

/// Lets in whoever has a certificate that leads to one of `roots`.
fn verifier(
    roots: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut store = RootCertStore::empty();
    for root in certificates(roots)? {
        store.add(root).map_err(|problem| problem.to_string())?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|problem| problem.to_string())
}
