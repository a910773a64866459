//! The keys of result tokens, as the files have them.
//!
//! An example: `token_key_files = ["/keys/b", "/keys/a"]`, and `/keys/a` holds 16
//! bytes. Nothing is served: `results.token_key_files: /keys/a: must be 32 to 4096
//! bytes, not 16`. Without the setting there is a key of this process alone.

use tracing::warn;

use super::key_file::{self, KeyFileError};
use crate::config::ResultsSettings;
use crate::result_token::{SameKey, SigningKey, TokenKeys};

/// Why there are no keys. The text names files, and nothing that is in them.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// A file is of no use.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Two files hold the same key.
    #[error("results.token_key_files: {0}")]
    Same(#[from] SameKey),
    /// There is no randomness to make a key of.
    #[error("a key for result tokens cannot be made: {0}")]
    NoRandomness(#[from] getrandom::Error),
}

/// The keys that `settings` name, or one that is made now.
pub(super) fn load(settings: &ResultsSettings) -> Result<TokenKeys, TokenKeyError> {
    let mut keys = Vec::new();
    for path in &settings.token_key_files {
        let secret = key_file::read("results.token_key_files", path)?;
        keys.push(SigningKey::new(&secret).expect("as long as a key is, or it is not read"));
    }
    if keys.is_empty() {
        if settings.enabled && settings.require_token {
            warn!(
                "results.token_key_files is not set: result tokens are of use to this process \
                 alone, and end with it"
            );
        }
        keys.push(SigningKey::random()?);
    }
    let signing = keys.remove(0);
    Ok(TokenKeys::new(signing, keys)?)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn refusal(contents: &[&[u8]]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, content).unwrap();
            files.push(path);
        }
        refusal_of(files)
    }

    fn refusal_of(token_key_files: Vec<PathBuf>) -> Option<String> {
        let settings = ResultsSettings {
            enabled: true,
            allow_unauthenticated: false,
            require_token: true,
            token_key_files,
        };
        load(&settings).err().map(|error| error.to_string())
    }

    #[test]
    fn keys_come_from_files_or_are_made() {
        assert_eq!(refusal(&[]), None);
        assert_eq!(refusal(&[&[1; 32]]), None);
        assert_eq!(refusal(&[&[1; 32], &[2; 4096]]), None);
    }

    #[test]
    fn a_file_that_is_no_key_is_named_and_not_shown() {
        let short = refusal(&[&[1; 32], b"hunter2"]).unwrap();
        assert!(
            short.ends_with("/1: must be 32 to 4096 bytes, not 7"),
            "{short}"
        );
        let same = refusal(&[&[1; 32], &[1; 32]]).unwrap();
        assert_eq!(
            same,
            "results.token_key_files: two of the keys are the same"
        );
        let gone = refusal_of(vec![PathBuf::from("/no/such/key")]).unwrap();
        assert!(gone.contains("/no/such/key: cannot be read"), "{gone}");
        let endless = refusal_of(vec![PathBuf::from("/dev/zero")]).unwrap();
        assert!(endless.ends_with("not 4097"), "{endless}");
    }
}
