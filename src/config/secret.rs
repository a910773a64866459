//! A value that is never shown: not in a error, not by `check-config`.
//!
//! An example: `LIVEGATE_STORE__PASSWORD=hunter2` is read as it is and written as
//! `"********"`. That text itself is refused, so a configuration that was printed
//! and is read again does not log in with asterisks.

use super::kind::Kind;
use super::layers::RawValue;
use crate::store::Password;

const MASK: &str = "\"********\"";
const LONGEST: usize = 512;

/// A secret of printable ASCII.
pub(super) struct Secret;

impl Kind for Secret {
    type Value = Password;

    fn read(&self, raw: &RawValue) -> Option<Password> {
        let text = raw.text()?;
        let fits = (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.bytes().any(|byte| byte != b'*');
        fits.then(|| Password::new(text))
    }

    fn expected(&self, _: &RawValue) -> String {
        "1 to 512 printable ASCII characters without spaces, not just asterisks".to_owned()
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
        for wrong in ["", "********", "a b", "\u{e9}", &"x".repeat(513)] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
