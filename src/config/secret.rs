//! A secret: never shown in errors or by `check-config`.
//!
//! For example, `LIVEGATE_STORE__PASSWORD=hunter2` is written as `"********"`. That text
//! itself is rejected as a value, so a printed configuration that is read back fails
//! instead of authenticating with asterisks.

use super::kind::Kind;
use super::layers::RawValue;
use crate::store::Password;

const MASK: &str = "\"********\"";
const MAX_LENGTH: usize = 512;

/// A secret in printable ASCII.
pub(super) struct Secret;

impl Kind for Secret {
    type Value = Password;

    fn read(&self, raw: &RawValue) -> Option<Password> {
        let text = raw.text()?;
        let is_valid = (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.bytes().any(|byte| byte != b'*');
        is_valid.then(|| Password::new(text))
    }

    fn expected(&self, _: &RawValue) -> String {
        "1 to 512 printable ASCII characters without spaces, and not only asterisks".to_owned()
    }

    fn write(&self, _: &Password) -> String {
        MASK.to_owned()
    }

    fn is_secret(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_never_written() {
        let read = |text: &str| Secret.read(&RawValue::Untyped(text.to_owned()));
        assert_eq!(read("hunter2"), Some(Password::new("hunter2")));
        assert_eq!(Secret.write(&Password::new("hunter2")), "\"********\"");
        for invalid in ["", "********", "a b", "\u{e9}", &"x".repeat(513)] {
            assert_eq!(read(invalid), None, "{invalid:?}");
        }
    }
}
