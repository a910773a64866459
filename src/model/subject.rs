//! The end user for whom a session is, as the caller names them.

use std::fmt;
use std::sync::Arc;

/// The caller's own name for an end user. It says nothing to Livegate but
/// whether two are the same. It may be a personal datum, so it does not show in
/// `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(Arc<str>);

/// A text that names no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be at most {} characters, none of them a control character",
    Subject::MAX_LENGTH
)]
pub struct MalformedSubject;

impl Subject {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Reads a subject: 1 to 128 characters, none of them a control character.
    ///
    /// # Errors
    /// Where `text` is something else.
    pub fn parse(text: &str) -> Result<Self, MalformedSubject> {
        let length = text.chars().take(Self::MAX_LENGTH + 1).count();
        let fits = (1..=Self::MAX_LENGTH).contains(&length);
        if fits && !text.contains(char::is_control) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(MalformedSubject)
        }
    }

    /// The name itself, for what keeps it secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_1_to_128_characters_and_has_no_control_characters() {
        for right in ["7", "a b", "\u{e9}\u{1f600}", &"\u{e9}".repeat(128)] {
            assert_eq!(Subject::parse(right).unwrap().expose(), right);
        }
        for wrong in ["", "a\nb", "\0", "\u{7f}", "\u{85}", &"x".repeat(129)] {
            assert_eq!(Subject::parse(wrong), Err(MalformedSubject), "{wrong:?}");
        }
    }

    #[test]
    fn a_subject_does_not_show_in_debug() {
        let subject = Subject::parse("jane@example.org").unwrap();
        assert_eq!(format!("{subject:?}"), "Subject(..)");
    }
}
