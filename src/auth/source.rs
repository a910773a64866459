//! One reading of the keys of tokens, bounded in bytes and in time.
//!
//! An example: a file of 2 MiB is not read to its end; after 1 MiB and a byte it is
//! refused as too large. A server that does not answer is given up after 5 s.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::fetch;
use super::keys::Unusable;
use super::settings::JwksSource;

/// The most that is read, in bytes.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// The longest that a reading may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Why there is no set of keys. The text names files, hosts and statuses, and
/// nothing that was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file that should help in fetching does not.
    #[error("{}: {problem}", path.display())]
    Unfit {
        path: PathBuf,
        problem: &'static str,
    },
    /// The call failed.
    #[error("it cannot be fetched: {0}")]
    Call(String),
    /// The server answered something else.
    #[error("it cannot be fetched: status {0}")]
    Status(u16),
    /// There is more than a set of keys can be.
    #[error("it is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// There was no answer in time.
    #[error("it was not there within {} s", WITHIN.as_secs())]
    TooLate,
    /// It holds no keys for us.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl JwksSource {
    /// What is there now. Dropped half way, it gives up.
    pub(super) async fn read(&self) -> Result<Vec<u8>, ReadError> {
        let reading = async {
            match self {
                Self::File(path) => read_file(path, MOST_BYTES).await,
                Self::Url {
                    url,
                    ca_file,
                    token_file,
                } => fetch::fetch(url, ca_file.as_deref(), token_file.as_deref()).await,
            }
        };
        let read = timeout(WITHIN, reading).await;
        read.unwrap_or(Err(ReadError::TooLate))
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            // What comes after the path may be a secret.
            Self::Url { url, .. } => {
                let (scheme, authority) = (url.scheme_str(), url.authority());
                let host = authority.map_or("", |authority| authority.as_str());
                write!(f, "{}://{host}{}", scheme.unwrap_or_default(), url.path())
            }
        }
    }
}

/// The content of a file of at most `most` bytes.
pub(super) async fn read_file(path: &Path, most: usize) -> Result<Vec<u8>, ReadError> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut content = Vec::new();
        // A byte more than fits tells a file that is too long from one that is not.
        file.take(most as u64 + 1).read_to_end(&mut content).await?;
        Ok(content)
    };
    let content = read.await.map_err(|source| ReadError::File {
        path: path.to_owned(),
        source,
    })?;
    if content.len() > most {
        return Err(ReadError::TooLarge);
    }
    Ok(content)
}
