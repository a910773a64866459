//! The bearer token of a call.

use std::fmt;
use std::path::PathBuf;

use tonic::Status;
use tonic::metadata::AsciiMetadataValue;

/// Where the bearer token comes from.
#[derive(Clone)]
pub(crate) enum BearerToken {
    Fixed(String),
    File(PathBuf),
}

impl BearerToken {
    /// Returns the value of `authorization`. A file is read at each call of this.
    pub(crate) async fn authorization(&self) -> Result<AsciiMetadataValue, Status> {
        let token = match self {
            Self::Fixed(token) => token.clone(),
            Self::File(path) => tokio::fs::read_to_string(path).await.map_err(|error| {
                Status::unauthenticated(format!("token file {path:?} cannot be read: {error}"))
            })?,
        };
        let value: Result<AsciiMetadataValue, _> = format!("Bearer {}", token.trim()).parse();
        let mut value =
            value.map_err(|_| Status::unauthenticated("bearer token is not printable ASCII"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Shows the file, never a token.
impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => f.write_str("Fixed(..)"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_trimmed_and_shown_nowhere() {
        let token = BearerToken::Fixed("secret\n".to_owned());
        let value = token.authorization().await.expect("ASCII");
        assert_eq!(value.to_str().expect("ASCII"), "Bearer secret");
        assert!(value.is_sensitive());
        assert!(!format!("{token:?} {value:?}").contains("secret"));
    }

    #[tokio::test]
    async fn a_token_that_no_header_can_carry_is_refused_and_not_repeated() {
        for token in ["two\nlines", "secret\u{7f}"] {
            let token = BearerToken::Fixed(token.to_owned());
            let status = token
                .authorization()
                .await
                .expect_err("not a header's value");
            assert_eq!(status.message(), "bearer token is not printable ASCII");
        }
    }
}
