//! The three sources, one upon the other: the file, the environment, the
//! command line.
//!
//! Every value keeps its source, and one that is overridden is still known, so
//! that an unknown key is reported wherever it stands. An example: the file has
//! `burst = 7` in `[quota.create]` on line 2, the environment has
//! `LIVEGATE_QUOTA__CREATE__BURST=9`. Two entries have the key
//! `quota.create.burst`; the effective one is the second.

mod environment;
mod file;
mod set;

use std::collections::HashMap;
use std::path::PathBuf;

use super::error::{ConfigError, Source};
use super::key_path::{KeyPath, quote};

/// Where a configuration is read from. Reading the same sources again reads the
/// file again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file; `None`: the defaults.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `LIVEGATE_` are left
    /// alone.
    pub environment: Vec<(String, String)>,
    /// Settings of the form `section.key=value`. Where two have the same key,
    /// the later one counts.
    pub set: Vec<String>,
}

/// A value as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RawValue {
    /// From the environment or the command line, of whatever type is wanted.
    Untyped(String),
    /// A TOML string.
    String(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML float.
    Float(f64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array of strings.
    StringArray(Vec<String>),
    /// Another array, a date, an integer of more than 64 bits: nothing that a setting
    /// could be.
    Unsupported,
    /// A table.
    Table,
}

impl RawValue {
    /// The value, where it is a text or can be taken for one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Untyped(text) | Self::String(text) => Some(text),
            Self::Integer(_)
            | Self::Float(_)
            | Self::Boolean(_)
            | Self::StringArray(_)
            | Self::Unsupported
            | Self::Table => None,
        }
    }
}

/// One value, or one section header, of one source.
#[derive(Clone, Debug)]
pub(super) struct LayerEntry {
    pub(super) key: KeyPath,
    pub(super) raw: RawValue,
    pub(super) source: Source,
    /// The value as it was written.
    written: String,
}

impl LayerEntry {
    fn untyped(key: KeyPath, value: &str, source: Source) -> Self {
        Self {
            key,
            raw: RawValue::Untyped(value.to_owned()),
            source,
            written: quote(value),
        }
    }

    /// Whether it stands in the file.
    pub(super) fn is_of_file(&self) -> bool {
        matches!(self.source, Source::File { .. })
    }

    /// `key = value` on one line of bounded length, for a error; without what
    /// stands before the `@` of a URL, which may be a password.
    pub(super) fn shown(&self) -> String {
        const LONGEST: usize = 100;
        if self.raw == RawValue::Table {
            return format!("[{}]", self.key);
        }
        let secret = self.written.find("://").zip(self.written.rfind('@'));
        let written = match secret {
            Some((scheme, at)) if scheme < at => {
                format!("{}://***{}", &self.written[..scheme], &self.written[at..])
            }
            _ => self.written.clone(),
        };
        let mut value: String = written
            .chars()
            .take(LONGEST)
            .map(|one| if one.is_control() { ' ' } else { one })
            .collect();
        if written.chars().nth(LONGEST).is_some() {
            value.push_str("...");
        }
        format!("{} = {value}", self.key)
    }
}

/// All entries of all sources.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// In order of precedence, the lowest first.
    entries: Vec<LayerEntry>,
    /// The last entry of each key.
    latest: HashMap<KeyPath, usize>,
    /// What could not be read into entries.
    pub(super) errors: Vec<ConfigError>,
    /// Whether the file could not be read: then nothing can be said about
    /// settings that stand together.
    pub(super) incomplete: bool,
}

impl Layers {
    /// Reads all of `sources`.
    pub(super) fn read(sources: &Sources) -> Self {
        let mut layers = Self::default();
        if let Some(path) = &sources.file {
            file::read(path, &mut layers);
        }
        environment::read(&sources.environment, &mut layers);
        set::read(&sources.set, &mut layers);
        layers
    }

    /// Reads `text` as if it were a file.
    pub(super) fn of_text(text: &str) -> Self {
        let mut layers = Self::default();
        file::read_text("<text>".as_ref(), text, &mut layers);
        layers
    }

    /// The value that counts for `key`.
    pub(super) fn latest(&self, key: &KeyPath) -> Option<&LayerEntry> {
        self.latest.get(key).map(|at| &self.entries[*at])
    }

    /// Every entry, the overridden ones too.
    pub(super) fn entries(&self) -> &[LayerEntry] {
        &self.entries
    }

    fn push(&mut self, entry: LayerEntry) {
        self.latest.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }
}
