//! `[store]` and `[idempotency]`: where replicas meet.
//!
//! An example: `url = "redis://10.0.0.7:6379/2"` turns the store on; the address,
//! the database, and nothing else: `redis://me:word@10.0.0.7` is refused, because
//! user and password have keys of their own, one of which is never shown.

use std::num::NonZeroU32;
use std::time::Duration;

use super::kind::ValidatedString;
use super::section::Section;
use crate::idempotency::IdempotencySettings;
use crate::store::StoreSettings;

pub(super) fn store(at: &mut Section<'_>) -> StoreSettings {
    let url = ValidatedString {
        fits: is_url,
        expected: "redis:// or rediss:// (TLS) with a host, at most a port and the number of a \
            database, and no user, as in \"redis://127.0.0.1:6379/0\"",
    };
    let name = ValidatedString {
        fits: is_graphic,
        expected: "1 to 512 printable ASCII characters without spaces",
    };
    let prefix = ValidatedString {
        fits: is_prefix,
        expected: "1 to 64 characters of A-Z a-z 0-9 . _ -",
    };
    let millis = Duration::from_millis;
    let most = NonZeroU32::new(16).expect("it is not zero");
    StoreSettings {
        url: at.optional_text("url", &url),
        user: at.optional_text("user", &name),
        password: at.optional_secret("password"),
        password_file: at.optional_text("password_file", &name).map(Into::into),
        timeout: at.time("timeout", millis(50), millis(1)..=millis(10_000)),
        prefix: at.text("prefix", "livegate", &prefix),
        max_replicas: at.count("max_replicas", most, 10_000),
    }
}

pub(super) fn idempotency(at: &mut Section<'_>) -> IdempotencySettings {
    IdempotencySettings {
        required: at.flag("required", false),
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
    let port_fits = authority.port_u16().is_some() || authority.as_str() == authority.host();
    let database_fits = database.is_empty() || database.parse::<u16>().is_ok();
    is_store && !authority.host().is_empty() && port_fits && database_fits
}

fn is_graphic(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_prefix(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_host_and_a_database_without_a_user() {
        for right in [
            "redis://127.0.0.1:6379",
            "rediss://cache.internal",
            "redis://[::1]:1/15",
        ] {
            assert!(is_url(right), "{right}");
        }
        for wrong in [
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
            assert!(!is_url(wrong), "{wrong}");
        }
    }
}
