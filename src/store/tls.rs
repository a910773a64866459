//! The files of a connection by TLS. They are read for each connection.

use std::path::{Path, PathBuf};

use redis::{ClientTlsConfig, TlsCertificates};

use super::StoreError;

/// The files of a connection by TLS, all optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreTls {
    /// The certificates of the CA that signs the store's; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// The client certificate; set together with its key.
    pub certificate: Option<PathBuf>,
    /// The key of the client certificate.
    pub key: Option<PathBuf>,
}

impl StoreTls {
    /// Reads the files; `None` if there are none.
    pub(super) async fn read(&self) -> Result<Option<TlsCertificates>, StoreError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let root_cert = match &self.ca_file {
            Some(path) => Some(read(path).await?),
            None => None,
        };
        let client_tls = match self.certificate.as_ref().zip(self.key.as_ref()) {
            Some((certificate, key)) => Some(ClientTlsConfig {
                client_cert: read(certificate).await?,
                client_key: read(key).await?,
            }),
            None => None,
        };
        Ok(Some(TlsCertificates {
            client_tls,
            root_cert,
        }))
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    let content = tokio::fs::read(path).await;
    content.map_err(|error| unreadable(path, &error))
}

/// Returns the error of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Failed(format!("{}: {error}", path.display()))
}
