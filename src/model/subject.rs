//! The end user that a session is for.

use std::sync::Arc;

/// The caller's identifier of an end user.
///
/// Livegate only compares subjects for equality. A subject may be personal data, so
/// `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, derive_more::Debug)]
#[debug("Subject(..)")]
pub struct Subject(Arc<str>);

/// The text is not a valid subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be at most {} characters, none of them a control character",
    Subject::MAX_LENGTH
)]
pub struct MalformedSubject;

impl Subject {
    /// The longest subject, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Parses a subject.
    ///
    /// # Errors
    /// If `text` is not 1 to 128 characters, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, MalformedSubject> {
        let length = text.chars().take(Self::MAX_LENGTH + 1).count();
        let fits = (1..=Self::MAX_LENGTH).contains(&length);
        if fits && !text.contains(char::is_control) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(MalformedSubject)
        }
    }

    /// Returns the text. The receiver must keep it out of logs and errors.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_1_to_128_characters_and_has_no_control_characters() {
        for valid in ["7", "a b", "\u{e9}\u{1f600}", &"\u{e9}".repeat(128)] {
            assert_eq!(Subject::parse(valid).unwrap().expose(), valid);
        }
        for invalid in ["", "a\nb", "\0", "\u{7f}", "\u{85}", &"x".repeat(129)] {
            assert_eq!(
                Subject::parse(invalid),
                Err(MalformedSubject),
                "{invalid:?}"
            );
        }
    }

    #[test]
    fn debug_hides_the_subject() {
        let subject = Subject::parse("jane@example.org").unwrap();
        assert_eq!(format!("{subject:?}"), "Subject(..)");
    }
}
