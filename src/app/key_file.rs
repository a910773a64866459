//! A secret in a file: read whole, and bounded.
//!
//! An example: `/keys/a` holds 16 bytes, and `audit.digest_key_file` names it:
//! `audit.digest_key_file: /keys/a: must be 32 to 4096 bytes, not 16`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::result_token::{SigningKey, UnfitKey};

/// Why a file is of no use. The text names it, and nothing that is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("{setting}: {}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The key of the configuration that names it.
        setting: &'static str,
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What it holds is no key.
    #[error("{setting}: {}: {source}", path.display())]
    Unfit {
        /// The key of the configuration that names it.
        setting: &'static str,
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: UnfitKey,
    },
}

/// The bytes of the file, all of which count, a line break at its end too.
pub(super) fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let path = path.to_owned();
    // A byte more than fits tells a file that is too long from one that is not,
    // and bounds what is read of one without an end.
    let bound = SigningKey::MOST as u64 + 1;
    let mut secret = Vec::new();
    let file = std::fs::File::open(&path);
    if let Err(source) = file.and_then(|file| file.take(bound).read_to_end(&mut secret)) {
        return Err(KeyFileError::Unreadable {
            setting,
            path,
            source,
        });
    }
    match SigningKey::fits(&secret) {
        Ok(()) => Ok(secret),
        Err(source) => Err(KeyFileError::Unfit {
            setting,
            path,
            source,
        }),
    }
}
