//! The command line: `--set quota.create.burst=9`.
//!
//! The key is written as in TOML, so a name with dots is quoted:
//! `--set 'callers."a.b".weight=3'`. The value is everything after the first `=` outside
//! quotes.

use super::{LayerEntry, Layers};
use crate::config::error::Source;
use crate::config::key_path::KeyPath;

/// Adds `settings` to `layers`.
pub(super) fn read(settings: &[String], layers: &mut Layers) {
    for setting in settings {
        match split(setting).and_then(|(key, value)| Some((KeyPath::parse(key)?, value))) {
            Some((key, value)) => layers.push(LayerEntry::untyped(key, value, Source::Set)),
            None => layers.malformed_sets.push(setting.clone()),
        }
    }
}

/// Splits `setting` at the first `=` outside quotes.
fn split(setting: &str) -> Option<(&str, &str)> {
    let mut open = None;
    let mut letters = setting.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (open, letter) {
            (None, '=') => return Some((&setting[..at], &setting[at + 1..])),
            (None, '"' | '\'') => open = Some(letter),
            // Skip the escaped letter, which may be a quote.
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
    fn the_value_begins_after_the_first_equals_sign_outside_quotes() {
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
