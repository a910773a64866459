//! Reads a secret key from a file, with a bounded size.
//!
//! For example, `audit.digest_key_file` names `/keys/a`, which has 16 bytes:
//! `audit.digest_key_file: /keys/a: must be 32 to 4096 bytes, not 16`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::result_token::SigningKey;

/// A key file that cannot be used. The message has the path and no content.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {}: {problem}", path.display())]
pub struct KeyFileError {
    /// The configuration key of the path.
    setting: &'static str,
    path: PathBuf,
    problem: String,
}

/// Reads the bytes of the file. All of them belong to the key, including a line break at
/// the end.
pub(super) fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let unusable = |problem: String| KeyFileError {
        setting,
        path: path.to_owned(),
        problem,
    };
    // One byte more than the maximum detects a file that is too long, and bounds the
    // read of an endless one, such as a device.
    let limit = SigningKey::MAX_LENGTH as u64 + 1;
    let mut secret = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut secret))
        .map_err(|error| unusable(format!("cannot be read: {error}")))?;
    SigningKey::check_length(&secret).map_err(|error| unusable(error.to_string()))?;
    Ok(secret)
}
