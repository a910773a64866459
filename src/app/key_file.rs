//! Reads a secret key from a file, with a bounded size.
//!
//! For example, `audit.digest_key_file` names `/keys/a`, which has 16 bytes:
//! `audit.digest_key_file: /keys/a: must be 32 to 4096 bytes, not 16`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::result_token::{InvalidKeyLength, SigningKey};

/// A key file that cannot be used. The message has the path and no content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("{setting}: {}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The configuration key of the path.
        setting: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The content is not a valid key.
    #[error("{setting}: {}: {source}", path.display())]
    Invalid {
        /// The configuration key of the path.
        setting: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: InvalidKeyLength,
    },
}

/// Reads the bytes of the file. All of them belong to the key, including a line break at
/// the end.
pub(super) fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let path = path.to_owned();
    // One byte more than the maximum detects a file that is too long, and bounds the
    // read of an endless one, such as a device.
    let limit = SigningKey::MAX_LENGTH as u64 + 1;
    let mut secret = Vec::new();
    let file = std::fs::File::open(&path);
    if let Err(source) = file.and_then(|file| file.take(limit).read_to_end(&mut secret)) {
        return Err(KeyFileError::Unreadable {
            setting,
            path,
            source,
        });
    }
    match SigningKey::check_length(&secret) {
        Ok(()) => Ok(secret),
        Err(source) => Err(KeyFileError::Invalid {
            setting,
            path,
            source,
        }),
    }
}
