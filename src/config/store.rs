//! `[store]` and `[idempotency]`: the state that replicas share.
//!
//! `url = "redis://10.0.0.7:6379/2"` enables the store. The URL has an address and a
//! database only: `redis://me:word@10.0.0.7` is rejected because user and password have
//! keys of their own, and the password is never shown.

use std::num::NonZeroU32;
use std::time::Duration;

use super::kind::ValidatedString;
use super::section::Section;
use crate::idempotency::IdempotencySettings;
use crate::store::StoreSettings;

pub(super) fn store(section: &mut Section<'_>) -> StoreSettings {
    let url = ValidatedString {
        is_valid: is_url,
        expected: "a redis:// or rediss:// (TLS) URL with a host, optionally a port and a database \
            number, and no user, as in \"redis://127.0.0.1:6379/0\"",
    };
    let name = ValidatedString {
        is_valid: is_graphic,
        expected: "1 to 512 printable ASCII characters without spaces",
    };
    let prefix = ValidatedString {
        is_valid: is_prefix,
        expected: "1 to 64 characters of A-Z a-z 0-9 . _ -",
    };
    let millis = Duration::from_millis;
    let max_replicas = NonZeroU32::new(16).expect("16 is not zero");
    StoreSettings {
        url: section.optional_text("url", &url),
        user: section.optional_text("user", &name),
        password: section.optional_secret("password"),
        password_file: section
            .optional_text("password_file", &name)
            .map(Into::into),
        timeout: section.time("timeout", millis(50), millis(1)..=millis(10_000)),
        prefix: section.text("prefix", "livegate", &prefix),
        max_replicas: section.count("max_replicas", max_replicas, 10_000),
    }
}

pub(super) fn idempotency(section: &mut Section<'_>) -> IdempotencySettings {
    IdempotencySettings {
        required: section.flag("required", false),
    }
}

fn is_url(text: &str) -> bool {
    if !is_graphic(text) || text.contains(['@', '?', '#', '%']) {
        return false;
    }
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let database = uri.path().trim_start_matches('/');
    let is_store = matches!(uri.scheme_str(), Some("redis" | "rediss"));
    let port_is_valid = authority.port_u16().is_some() || authority.as_str() == authority.host();
    let database_is_valid = database.is_empty() || database.parse::<u16>().is_ok();
    is_store && !authority.host().is_empty() && port_is_valid && database_is_valid
}

fn is_graphic(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_prefix(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_url_has_a_host_and_a_database_and_no_user() {
        for valid in [
            "redis://127.0.0.1:6379",
            "rediss://cache.internal",
            "redis://[::1]:1/15",
        ] {
            assert!(is_url(valid), "{valid}");
        }
        for invalid in [
            "",
            "127.0.0.1:6379",
            "http://h",
            "redis://",
            "redis://h:99999",
            "redis://me:word@h",
            "redis://h/x",
            "redis://h/1?a",
            "unix:///tmp/s",
        ] {
            assert!(!is_url(invalid), "{invalid}");
        }
    }
}
