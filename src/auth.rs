//! How a peer becomes a [`CallerId`]. It decides from what the transport knows,
//! and knows no transport itself.
//!
//! An example: in the mode `trusted-header` a call with `livegate-caller: payments`
//! is `payments`, one without that key is nobody, and is turned away.

use crate::session::words::CallerId;

/// The metadata key that names the caller in the mode `trusted-header`.
pub const CALLER_KEY: &str = "livegate-caller";

/// How Livegate knows who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// It does not ask: everyone is one anonymous caller.
    #[default]
    None,
    /// The metadata key `livegate-caller` says so, and is believed.
    TrustedHeader,
    /// As `TrustedHeader`, but whoever does not say so is anonymous: for a
    /// demonstration on loopback. No configuration can name it.
    OptionalHeader,
}

/// Why the caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    /// The key that names the caller is not there.
    #[error("the metadata key livegate-caller is missing")]
    CallerMissing,
    /// What is there is no name.
    #[error("the metadata key livegate-caller must be 1 to 128 printable ASCII characters")]
    CallerMalformed,
}

impl AuthMode {
    /// Whether it proves who calls, rather than believing it.
    #[must_use]
    pub fn is_proven(self) -> bool {
        match self {
            Self::None | Self::TrustedHeader | Self::OptionalHeader => false,
        }
    }

    /// Who calls, given the raw value of [`CALLER_KEY`].
    ///
    /// # Errors
    /// Where the mode asks for a name and there is none.
    pub fn identify(self, named: Option<&[u8]>) -> Result<CallerId, NotAuthenticated> {
        match (self, named) {
            (Self::None, _) | (Self::OptionalHeader, None) => Ok(CallerId::anonymous()),
            (Self::TrustedHeader, None) => Err(NotAuthenticated::CallerMissing),
            (Self::TrustedHeader | Self::OptionalHeader, Some(name)) => {
                let name = std::str::from_utf8(name).ok();
                name.and_then(CallerId::new)
                    .ok_or(NotAuthenticated::CallerMalformed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_unless_the_mode_says_so() {
        assert_eq!(
            AuthMode::None.identify(Some(b"payments")),
            Ok(CallerId::anonymous())
        );
    }

    #[test]
    fn a_trusted_header_names_the_caller_and_must_be_there() {
        let named = AuthMode::TrustedHeader.identify(Some(b"payments"));
        assert_eq!(
            named.map(|caller| caller.to_string()),
            Ok("payments".to_owned())
        );
        let missing = AuthMode::TrustedHeader.identify(None);
        assert_eq!(missing, Err(NotAuthenticated::CallerMissing));
        for wrong in [&b""[..], b"a b", b"\xff"] {
            let named = AuthMode::TrustedHeader.identify(Some(wrong));
            assert_eq!(named, Err(NotAuthenticated::CallerMalformed), "{wrong:?}");
        }
    }
}
