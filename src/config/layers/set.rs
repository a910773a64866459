//! The command line: `--set quota.create.burst=9`.
//!
//! The key is written as in TOML, so a name with dots stands in quotes:
//! `--set 'callers."a.b".weight=3'`. The value begins after the first `=` that
//! is in no quotes, and is taken as it stands.

use super::{LayerEntry, Layers};
use crate::config::error::{ConfigError, Source};
use crate::config::key_path::{KeyPath, quote};

/// Reads each of `settings` into `layers`.
pub(super) fn read(settings: &[String], layers: &mut Layers) {
    for setting in settings {
        let parts = split(setting);
        match parts.and_then(|(key, value)| Some((KeyPath::parse(key)?, value))) {
            Some((key, value)) => layers.push(LayerEntry::untyped(key, value, Source::Set)),
            None => {
                let problem = "must be KEY=VALUE, as in quota.create.burst=9; \
                    a name with dots or slashes stands in quotes";
                let shown: String = quote(parts.map_or(setting, |(key, _)| key))
                    .chars()
                    .take(100)
                    .collect();
                layers.errors.push(ConfigError::of_setting(
                    Source::Set,
                    shown,
                    problem.to_owned(),
                ));
            }
        }
    }
}

/// What stands before and after the first `=` outside of quotes.
fn split(setting: &str) -> Option<(&str, &str)> {
    let mut open = None;
    let mut letters = setting.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (open, letter) {
            (None, '=') => return Some((&setting[..at], &setting[at + 1..])),
            (None, '"' | '\'') => open = Some(letter),
            // The escaped letter, which may be a quote, ends nothing.
            (Some('"'), '\\') => drop(letters.next()),
            (Some(quote), _) if quote == letter => open = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_begins_after_the_first_equals_sign_outside_of_quotes() {
        assert_eq!(split("a.b=c=d"), Some(("a.b", "c=d")));
        assert_eq!(
            split("callers.\"a=b\".weight=2"),
            Some(("callers.\"a=b\".weight", "2"))
        );
        assert_eq!(split("\"a\\\"=b\"=2"), Some(("\"a\\\"=b\"", "2")));
        assert_eq!(split("a="), Some(("a", "")));
        assert_eq!(split("a"), None);
        assert_eq!(split("'a=b"), None);
    }
}
