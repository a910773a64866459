//! Reads a JWKS once from its file or URL, bounded in size and time.
//!
//! For example, a file of 2 MiB is read up to 1 MiB and one byte, then refused as too
//! large. A request to a server that does not respond fails after 5 s.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::jwks_fetch;
use super::key_set::NoKeySet;
use super::settings::JwksSource;

/// The size limit of a JWKS, in bytes.
pub(super) const MAX_JWKS_BYTES: usize = 1024 * 1024;

/// The time limit of one read.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the JWKS cannot be read. The text names files, hosts and statuses, but no
/// content.
#[derive(Debug, thiserror::Error)]
pub(super) enum JwksError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The CA file or the token file has the wrong content.
    #[error("{}: {problem}", path.display())]
    InvalidFile {
        path: PathBuf,
        problem: &'static str,
    },
    /// The HTTP request failed.
    #[error("request failed: {0}")]
    Request(String),
    /// The HTTP status is not 200.
    #[error("request failed with status {0}")]
    Status(u16),
    /// The content exceeds the size limit.
    #[error("must be at most {MAX_JWKS_BYTES} bytes")]
    TooLarge,
    /// The time limit passed.
    #[error("not read within {} s", READ_TIMEOUT.as_secs())]
    Timeout,
    /// The content is something else.
    #[error(transparent)]
    NoKeySet(#[from] NoKeySet),
}

impl JwksSource {
    /// Returns the current content. Dropping it cancels the read.
    pub(super) async fn read(&self) -> Result<Vec<u8>, JwksError> {
        let reading = async {
            match self {
                Self::File(path) => read_file(path, MAX_JWKS_BYTES).await,
                Self::Url {
                    url,
                    ca_file,
                    token_file,
                } => jwks_fetch::fetch(url, ca_file.as_deref(), token_file.as_deref()).await,
            }
        };
        let read = timeout(READ_TIMEOUT, reading).await;
        read.unwrap_or(Err(JwksError::Timeout))
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            // The query is left out: it may hold a secret.
            Self::Url { url, .. } => {
                let (scheme, authority) = (url.scheme_str(), url.authority());
                let host = authority.map_or("", |authority| authority.as_str());
                write!(f, "{}://{host}{}", scheme.unwrap_or_default(), url.path())
            }
        }
    }
}

/// Returns the content of a file of at most `max_bytes`.
pub(super) async fn read_file(path: &Path, max_bytes: usize) -> Result<Vec<u8>, JwksError> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut content = Vec::new();
        // One byte above the limit tells a file that is too large from one that fits.
        let limit = max_bytes as u64 + 1;
        file.take(limit).read_to_end(&mut content).await?;
        Ok(content)
    };
    let content = read.await.map_err(|source| JwksError::File {
        path: path.to_owned(),
        source,
    })?;
    if content.len() > max_bytes {
        return Err(JwksError::TooLarge);
    }
    Ok(content)
}
