//! The kinds of strings: each is parsed by a function, and its error states the bound.
//!
//! For example, [`constrained`] over `S3Bucket::parse` reads `"kyc-images"`, and rejects
//! `"no bucket"` with `must be 3 to 255 characters of A-Z a-z 0-9 . - _`. Errors show
//! invalid names, and no other invalid text.
//!
//! A secret is never shown: `LIVEGATE_STORE__PASSWORD=hunter2` is written as `"********"`.
//! That text is rejected as a value, so a printed configuration that is read back fails
//! instead of authenticating with asterisks.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use super::key_path::quote;
use super::kind::{Kind, Visibility};
use crate::model::BrokenConstraint;
use crate::store::Password;

/// A string that `parse` converts and `format` converts back. Errors do not show it.
pub(super) fn text<'k, T>(
    expected: impl Into<String>,
    parse: impl Fn(&str) -> Option<T> + 'k,
    format: impl Fn(&T) -> String + 'k,
) -> Kind<'k, T> {
    let write = move |value: &T| quote(&format(value));
    let kind = Kind::new(expected, move |raw| parse(raw.text()?), write);
    kind.visible(Visibility::IfValid)
}

/// Text that cannot be mistaken for a secret, such as a name or an address.
pub(super) fn name<'k, T>(
    expected: impl Into<String>,
    parse: impl Fn(&str) -> Option<T> + 'k,
    format: impl Fn(&T) -> String + 'k,
) -> Kind<'k, T> {
    text(expected, parse, format).visible(Visibility::Public)
}

/// A string that passes a check.
pub(super) fn checked(
    expected: &str,
    is_valid: impl Fn(&str) -> bool + 'static,
) -> Kind<'static, String> {
    let parse = move |text: &str| is_valid(text).then(|| text.to_owned());
    text(expected, parse, String::clone)
}

/// A name that a type of [`crate::model`] constrains.
pub(super) fn constrained<T>(
    parse: impl Fn(&str) -> Result<T, BrokenConstraint> + 'static,
    format: impl Fn(&T) -> String + 'static,
) -> Kind<'static, T> {
    // No such value may be empty, so this returns the error with the constraint.
    let broken = parse("").err().map(|error| error.to_string());
    let expected = broken.unwrap_or_default();
    let expected = expected.strip_prefix("must be ").unwrap_or(&expected);
    name(expected, move |text| parse(text).ok(), format)
}

/// One of several names, each with its value.
pub(super) fn choice<'k, T: Clone + PartialEq>(choices: &'k [(&str, T)]) -> Kind<'k, T> {
    let names: Vec<String> = choices.iter().map(|(name, _)| quote(name)).collect();
    let parse = |text: &str| {
        let (_, value) = choices.iter().find(|(name, _)| *name == text)?;
        Some(value.clone())
    };
    let format = |value: &T| {
        let named = choices.iter().find(|(_, choice)| choice == value);
        let (name, _) = named.expect("the default is one of the choices");
        (*name).to_owned()
    };
    name(format!("one of {}", names.join(", ")), parse, format)
}

/// A login or an identifier, which may be a URL.
pub(super) fn graphic_ascii() -> Kind<'static, String> {
    let expected = "1 to 512 printable ASCII characters without spaces";
    checked(expected, is_graphic_ascii)
}

pub(super) fn is_graphic_ascii(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The path of a file.
pub(super) fn file() -> Kind<'static, PathBuf> {
    let expected = "the path of a file, of 1 to 4096 printable ASCII characters";
    path(expected, |_| true)
}

/// The path of a file in a list, whose separator is the comma.
pub(super) fn listed_file() -> Kind<'static, PathBuf> {
    let expected = "1 to 4096 printable ASCII characters without a comma";
    path(expected, |text| !text.contains(','))
}

fn path(expected: &str, is_valid: impl Fn(&str) -> bool + 'static) -> Kind<'static, PathBuf> {
    let parse = move |text: &str| {
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let fits = (1..=4096).contains(&text.len()) && is_printable && is_valid(text);
        fits.then(|| PathBuf::from(text))
    };
    text(expected, parse, |path| path.to_string_lossy().into_owned())
}

/// An address to listen on. Host names are not resolved.
pub(super) fn address() -> Kind<'static, SocketAddr> {
    let expected = "an IP address and a port, as in \"127.0.0.1:50051\" or \"[::]:50051\"";
    name(expected, |text| text.parse().ok(), SocketAddr::to_string)
}

/// A secret in printable ASCII.
pub(super) fn secret() -> Kind<'static, Password> {
    let expected = "1 to 512 printable ASCII characters without spaces, and not only asterisks";
    let parse = |text: &str| {
        let is_valid = is_graphic_ascii(text) && text.bytes().any(|byte| byte != b'*');
        is_valid.then(|| Password::new(text))
    };
    text(expected, parse, |_| "********".to_owned()).visible(Visibility::Secret)
}

/// Parses a URL in printable ASCII, with a host and without user and fragment.
#[must_use]
pub fn parse_url(text: &str) -> Option<Url> {
    let (_, rest) = text.split_once("://")?;
    // `Url` accepts `h:` as a host without a port, and skips missing hosts.
    let authority = rest.split(['/', '?']).next()?;
    let has_host = !authority.is_empty() && !authority.starts_with(':');
    let is_plain = is_graphic_ascii(text) && !text.contains(['@', '#', '\\']);
    let url = Url::parse(text).ok()?;
    (has_host && is_plain && !authority.ends_with(':')).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::RawValue;

    fn untyped(text: &str) -> RawValue {
        RawValue::Untyped(text.to_owned())
    }

    #[test]
    fn a_secret_is_read_and_never_written() {
        let read = |text: &str| secret().read(&untyped(text));
        assert_eq!(read("hunter2"), Some(Password::new("hunter2")));
        assert_eq!(secret().write(&Password::new("hunter2")), "\"********\"");
        for invalid in ["", "********", "a b", "\u{e9}", &"x".repeat(513)] {
            assert_eq!(read(invalid), None, "{invalid:?}");
        }
    }

    #[test]
    fn a_url_has_a_host_and_neither_user_nor_fragment() {
        for valid in ["http://h", "redis://[::1]:1/15", "https://h:80/a?b"] {
            assert!(parse_url(valid).is_some(), "{valid}");
        }
        for invalid in [
            "",
            "h",
            "http:h",
            "http:///h",
            "http://",
            "http://:80",
            "http://h:",
            "http://h:/",
            "http://h:99999",
            "http://@h",
            "http://me:word@h",
            "http://h#f",
            "http://h\\x",
            "http://h/\u{e9}",
            "http://h /",
            "redis://",
            "redis://:1",
            "redis://h:",
        ] {
            assert!(parse_url(invalid).is_none(), "{invalid}");
        }
    }
}
