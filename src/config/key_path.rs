//! The name of a setting: its path through the tree of sections.
//!
//! A path is a list, not a text with dots, because a caller's name may hold dots
//! itself. The text is TOML's own: `callers."spiffe://a.b/c".weight` has three
//! segments, the second of them in quotes because of its dots and slashes.

use std::fmt::{self, Write as _};

use toml::de::{DeTable, DeValue};

/// What every variable that is a setting begins with.
pub(super) const PREFIX: &str = "LIVEGATE_";

/// The path of a setting or of a section, as in `quota.create.burst`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path with these segments.
    pub(super) fn new(segments: Vec<String>) -> Self {
        Self(segments)
    }

    /// The path that `text` writes with plain dots and no quotes.
    pub(super) fn dotted(text: &str) -> Self {
        Self(text.split('.').map(str::to_owned).collect())
    }

    /// The path that `text` writes as TOML does; `None` where TOML would not
    /// read it as a key.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // A line break could smuggle in a section header.
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
                // The value is ours only if nothing stands behind it: no comment.
                return (value.span().end == line.len()).then_some(Self(segments));
            };
            table = inner;
        }
    }

    /// The path one segment deeper.
    pub(super) fn child(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// The section in which the setting stands.
    #[must_use]
    pub fn section(&self) -> Self {
        let end = self.0.len().saturating_sub(1);
        Self(self.0[..end].to_vec())
    }

    /// The last segment, as TOML writes it.
    pub(super) fn name(&self) -> String {
        self.0.last().map(|name| segment(name)).unwrap_or_default()
    }

    /// The segments, from the outermost section inwards.
    pub(super) fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether this path leads through `section` to something inside it.
    pub(super) fn is_inside(&self, section: &Self) -> bool {
        self.0.len() > section.0.len() && self.0.starts_with(&section.0)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.0.join("__").to_uppercase())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_char('.')?;
            }
            f.write_str(&segment(name))?;
        }
        Ok(())
    }
}

/// `text` as a TOML string on one line.
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
    fn a_key_reads_back_from_what_it_shows() {
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
    fn a_text_that_is_no_key_gives_none() {
        for wrong in [
            "", ".", "a.", "a b", "a\nb", "[a]\nb", "a = 1 #", "\"open", "a.b#",
        ] {
            assert_eq!(KeyPath::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_key_names_its_variable() {
        assert_eq!(
            KeyPath::dotted("quota.create.burst").variable(),
            "LIVEGATE_QUOTA__CREATE__BURST"
        );
    }
}
