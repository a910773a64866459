//! `[store]`: the state that replicas share.
//!
//! `url = "redis://10.0.0.7:6379/2"` enables the store. The URL has an address and a
//! database only: `redis://me:word@10.0.0.7` is rejected because user and password have
//! keys of their own, and the password is never shown. Errors show no value of this
//! section, because it could be a password under the wrong key.

use std::num::NonZeroU32;

use super::kind::{Visibility, count, time};
use super::reader::Reader;
use super::section::Section;
use super::sections::{millis, seconds};
use super::text::{checked, file, graphic_ascii, parse_url, secret};
use crate::store::{StoreSettings, StoreTls};

pub(super) fn store(reader: &mut Reader) -> StoreSettings {
    let section = &mut Section::of(reader, "store");
    let url = "a redis:// or rediss:// (TLS) URL with a host, optionally a port and a database \
        number, and no user, as in \"redis://127.0.0.1:6379/0\"";
    let prefix = checked("1 to 64 characters of A-Z a-z 0-9 . _ -", is_prefix);
    let timeout = time(millis(1)..=seconds(10)).visible(Visibility::IfValid);
    let replicas = count(10_000).visible(Visibility::IfValid);
    let max_replicas = NonZeroU32::new(16).expect("16 is not zero");
    let settings = StoreSettings {
        url: section.optional("url", &checked(url, is_store_url)),
        user: section.optional("user", &graphic_ascii()),
        password: section.optional("password", &secret()),
        password_file: section.optional("password_file", &file()),
        tls: StoreTls {
            ca_file: section.optional("ca_file", &file()),
            certificate: section.optional("certificate", &file()),
            key: section.optional("key", &file()),
        },
        timeout: section.read("timeout", millis(50), &timeout),
        prefix: section.read("prefix", "livegate".to_owned(), &prefix),
        max_replicas: section.read("max_replicas", max_replicas, &replicas),
    };
    check_tls(&settings, reader);
    settings
}

fn check_tls(settings: &StoreSettings, reader: &mut Reader) {
    let (tls, url) = (&settings.tls, settings.url.as_deref());
    if tls.certificate.is_some() != tls.key.is_some() {
        let problem = "certificate and key must be set together";
        reader.conflict("store.certificate store.key", problem);
    }
    if *tls != StoreTls::default() && !url.is_some_and(|url| url.starts_with("rediss://")) {
        let keys = "store.ca_file store.certificate store.key store.url";
        let problem = "these files are for TLS only: set url to a rediss:// URL";
        reader.conflict(keys, problem);
    }
}

fn is_store_url(text: &str) -> bool {
    parse_url(text).is_some_and(|url| {
        let database = url.path().trim_start_matches('/');
        ["redis", "rediss"].contains(&url.scheme())
            && url.query().is_none()
            && (database.is_empty() || database.parse::<u16>().is_ok())
    })
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
            assert!(is_store_url(valid), "{valid}");
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
            assert!(!is_store_url(invalid), "{invalid}");
        }
    }
}
