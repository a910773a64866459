//! The key of a setting: its path through the sections.
//!
//! A path is a list of segments and not a dotted string, because a caller's name may
//! contain dots. It is written as in TOML: `callers."spiffe://a.org/b".weight` has three
//! segments, of which the second is quoted because of its dots and slashes.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// The prefix of the environment variables that are settings.
pub(super) const PREFIX: &str = "LIVEGATE_";

/// The path of a setting or of a section, as in `quota.create.burst`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// Makes a path of these segments.
    pub(super) fn new(segments: Vec<String>) -> Self {
        Self(segments)
    }

    /// Splits `text` at its dots, without regard to quotes.
    pub(super) fn dotted(text: &str) -> Self {
        Self(text.split('.').map(str::to_owned).collect())
    }

    /// Parses `text` as a TOML key; returns `None` if it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // A line break could introduce a section header.
        if text.contains(['\n', '\r']) {
            return None;
        }
        let line = format!("{text} = 0");
        let document = DeTable::parse(&line).ok()?.into_inner();
        let mut segments = Vec::new();
        let mut table = &document;
        loop {
            let (segment, value) = table.iter().next()?;
            segments.push(segment.get_ref().to_string());
            let DeValue::Table(inner) = value.get_ref() else {
                // Text after the value, such as a comment, would come from `text`.
                return (value.span().end == line.len()).then_some(Self(segments));
            };
            table = inner;
        }
    }

    /// Returns the path with one more segment.
    pub(super) fn child(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// Returns the path of the section that contains the setting.
    #[must_use]
    pub fn section(&self) -> Self {
        let end = self.0.len().saturating_sub(1);
        Self(self.0[..end].to_vec())
    }

    /// Returns the last segment, quoted as in TOML.
    pub(super) fn name(&self) -> String {
        self.0.last().map(|name| segment(name)).unwrap_or_default()
    }

    /// Returns the segments, the outermost section first.
    pub(super) fn segments(&self) -> &[String] {
        &self.0
    }

    /// Returns whether this path is below `section`.
    pub(super) fn is_inside(&self, section: &Self) -> bool {
        self.0.len() > section.0.len() && self.0.starts_with(&section.0)
    }

    /// Returns the name of the environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.0.join("__").to_uppercase())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments: Vec<String> = self.0.iter().map(|name| segment(name)).collect();
        f.write_str(&segments.join("."))
    }
}

/// Formats `text` as a TOML string on one line.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

fn segment(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) {
        return name.to_owned();
    }
    quote(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displayed_key_parses_back() {
        for name in [
            "plain",
            "a.b",
            "spiffe://a/b",
            "say \"hi\"",
            "back\\slash",
            "",
            "tab\t",
        ] {
            let key = KeyPath::dotted("callers").child(name).child("weight");
            assert_eq!(KeyPath::parse(&key.to_string()), Some(key.clone()), "{key}");
        }
    }

    #[test]
    fn a_malformed_key_is_rejected() {
        for malformed in [
            "", ".", "a.", "a b", "a\nb", "[a]\nb", "a = 1 #", "\"open", "a.b#",
        ] {
            assert_eq!(KeyPath::parse(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn a_key_has_an_environment_variable() {
        assert_eq!(
            KeyPath::dotted("quota.create.burst").variable(),
            "LIVEGATE_QUOTA__CREATE__BURST"
        );
    }
}
