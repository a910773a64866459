//! Loads the signing keys of result tokens.
//!
//! For example, with `token_key_files = ["/keys/b", "/keys/a"]`, and 16 bytes in `/keys/a`,
//! the service does not start: `results.token_key_files: /keys/a: must be 32 to 4096 bytes,
//! not 16`. Without the setting a random key is generated.

use tracing::warn;

use super::key_file::{self, KeyFileError};
use crate::config::ResultsSettings;
use crate::result_token::{DuplicateKey, SigningKey, TokenKeys};

/// Keys that cannot be loaded. The message has the paths and no content.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Two files contain the same key.
    #[error("results.token_key_files: {0}")]
    Same(#[from] DuplicateKey),
    /// The system provides no random bytes.
    #[error("cannot generate a key for result tokens: {0}")]
    NoRandomness(#[from] getrandom::Error),
}

/// Reads the keys that `settings` name, or generates one.
pub(super) fn load(settings: &ResultsSettings) -> Result<TokenKeys, TokenKeyError> {
    let mut keys = Vec::new();
    for path in &settings.token_key_files {
        let secret = key_file::read("results.token_key_files", path)?;
        keys.push(SigningKey::new(&secret).expect("key_file::read checks the length"));
    }
    if keys.is_empty() {
        if settings.enabled && settings.require_token {
            warn!(
                "results.token_key_files is not set, using a random key: result tokens are valid \
                 only in this process and until it ends"
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
    use crate::config::Config;

    /// Returns the error for key files with `contents`.
    fn error_for(contents: &[&[u8]]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, content).unwrap();
            files.push(path);
        }
        load_error(files)
    }

    fn load_error(token_key_files: Vec<PathBuf>) -> Option<String> {
        let defaults = Config::from_text("").unwrap().config.results;
        let settings = ResultsSettings {
            token_key_files,
            ..defaults
        };
        load(&settings).err().map(|error| error.to_string())
    }

    #[test]
    fn keys_are_read_from_files_or_generated() {
        assert_eq!(error_for(&[]), None);
        assert_eq!(error_for(&[&[1; 32]]), None);
        assert_eq!(error_for(&[&[1; 32], &[2; 4096]]), None);
    }

    #[test]
    fn an_invalid_key_file_is_named_without_its_content() {
        let short = error_for(&[&[1; 32], b"hunter2"]).unwrap();
        assert!(
            short.ends_with("/1: must be 32 to 4096 bytes, not 7"),
            "{short}"
        );
        let same = error_for(&[&[1; 32], &[1; 32]]).unwrap();
        assert_eq!(
            same,
            "results.token_key_files: two of the keys are the same"
        );
        let missing = load_error(vec![PathBuf::from("/no/such/key")]).unwrap();
        assert!(
            missing.contains("/no/such/key: cannot be read"),
            "{missing}"
        );
        let endless = load_error(vec![PathBuf::from("/dev/zero")]).unwrap();
        assert!(endless.ends_with("not 4097"), "{endless}");
    }
}
