//! The sources as layers, in ascending precedence: the variables of AWS, the file, the
//! variables of Livegate, the command line.
//!
//! Every value keeps its source. Overridden entries are kept too, so that an unknown
//! key is reported wherever it occurs. For example, with `burst = 7` in `[quota.create]`
//! of the file and `LIVEGATE_QUOTA__CREATE__BURST=9` in the environment, there are two
//! entries for `quota.create.burst`, and the second one takes effect.

mod aws;
mod environment;
mod file;
mod set;

use std::collections::HashMap;
use std::path::PathBuf;

use toml::Value;

use super::error::{ConfigError, Source};
use super::key_path::{KeyPath, quote};

/// The sources of a configuration. The file is read on each load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The configuration file, if any.
    pub file: Option<PathBuf>,
    /// Environment variables. Those with the prefix `LIVEGATE_` and some of AWS are read.
    pub environment: Vec<(String, String)>,
    /// Settings as `section.key=value`. The last one of a key takes effect.
    pub set: Vec<String>,
}

impl Sources {
    /// Returns the content of the file, if there is one that can be read. It blocks.
    #[must_use]
    pub fn file_content(&self) -> Option<Vec<u8>> {
        file::content(self.file.as_ref()?).ok()
    }
}

/// A value before it is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RawValue {
    /// A value from the environment or the command line; the setting determines its
    /// type.
    Untyped(String),
    /// A value from the file.
    Toml(Value),
    /// A table, whose values have entries of their own.
    Table,
    /// An integer of more than 64 bits.
    Unsupported,
}

impl RawValue {
    /// Returns the value of a string, untyped or of TOML.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Untyped(text) | Self::Toml(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// One value, or one section header, from one source.
#[derive(Clone, Debug)]
pub(super) struct LayerEntry {
    pub(super) key: KeyPath,
    pub(super) raw: RawValue,
    pub(super) source: Source,
    /// The value as the source spells it.
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

    /// Returns whether the entry is from the file.
    pub(super) fn is_from_file(&self) -> bool {
        matches!(self.source, Source::File { .. })
    }

    /// Returns the value on one line of bounded length; `None` for a section.
    pub(super) fn summary(&self) -> Option<String> {
        const MAX_CHARACTERS: usize = 100;
        if self.raw == RawValue::Table {
            return None;
        }
        let mut value = self.written.replace(char::is_control, " ");
        if let Some((end, _)) = value.char_indices().nth(MAX_CHARACTERS) {
            value.replace_range(end.., "...");
        }
        Some(value)
    }
}

/// The entries of all sources.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// The lowest precedence first.
    entries: Vec<LayerEntry>,
    /// The last entry of each key.
    latest: HashMap<KeyPath, usize>,
    /// Parts of the sources that could not be read.
    pub(super) errors: Vec<ConfigError>,
    /// The texts after `--set` that are not `KEY=VALUE`.
    pub(super) malformed_sets: Vec<String>,
    /// Whether the file could not be read. Conflicts between settings are not
    /// reported then.
    pub(super) incomplete: bool,
}

impl Layers {
    /// Reads all `sources`.
    pub(super) fn read(sources: &Sources) -> Self {
        let mut layers = Self::default();
        aws::read(&sources.environment, &mut layers);
        if let Some(path) = &sources.file {
            file::read(path, &mut layers);
        }
        environment::read(&sources.environment, &mut layers);
        set::read(&sources.set, &mut layers);
        layers
    }

    /// Reads `text` as if it were a file.
    pub(super) fn from_text(text: &str) -> Self {
        let mut layers = Self::default();
        file::read_text("<text>".as_ref(), text, &mut layers);
        layers
    }

    /// Returns the entry that takes effect for `key`.
    pub(super) fn latest(&self, key: &KeyPath) -> Option<&LayerEntry> {
        self.latest.get(key).map(|at| &self.entries[*at])
    }

    /// Returns all entries, including overridden ones.
    pub(super) fn entries(&self) -> &[LayerEntry] {
        &self.entries
    }

    fn push(&mut self, entry: LayerEntry) {
        self.latest.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }
}
