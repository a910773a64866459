//! The reader: asked for one setting after the other, it gives each its value
//! or its default, and remembers what was asked, what came out and what was
//! wrong.
//!
//! What nobody asked for is unknown. An example: the file says `burst = 0` and
//! `brust = 9` in `[quota.create]`. The reader is asked for `burst`, notes that
//! it must be 1 to 10000, and gives 5, the default; at the end it notes that
//! `brust` does not exist and that `burst` was meant. Both are told at once.

use std::collections::{BTreeSet, HashSet};

use super::error::{ConfigError, ConfigErrors, Source};
use super::key_path::KeyPath;
use super::kind::Kind;
use super::layers::{LayerEntry, Layers, RawValue};
use super::nearest::nearest;
use super::resolved::ResolvedSetting;

/// The reader of all sources.
pub(super) struct Reader {
    layers: Layers,
    resolved: Vec<ResolvedSetting>,
    known: BTreeSet<KeyPath>,
    /// Keys whose value was a error: nothing more is said of them.
    invalid: HashSet<KeyPath>,
    errors: Vec<ConfigError>,
}

impl Reader {
    pub(super) fn new(mut layers: Layers) -> Self {
        Self {
            errors: std::mem::take(&mut layers.errors),
            layers,
            resolved: Vec::new(),
            known: BTreeSet::new(),
            invalid: HashSet::new(),
        }
    }

    /// The setting at `key`; `default` where it is not set or not right.
    pub(super) fn read<K: Kind>(&mut self, key: KeyPath, kind: &K, default: K::Value) -> K::Value {
        let fitting =
            |text: String| kind.read(&RawValue::Untyped(text.trim_matches('"').to_owned()));
        debug_assert!(
            fitting(kind.write(&default)).is_some(),
            "{key}: the default is in bounds"
        );
        let given = self.given(&key, kind);
        let (value, source) = given.unwrap_or((default, Source::Default));
        self.note(key, Some(kind.write(&value)), source);
        value
    }

    /// The setting at `key`, which may be left unset.
    pub(super) fn optional<K: Kind>(&mut self, key: KeyPath, kind: &K) -> Option<K::Value> {
        let (value, source) = self.given(&key, kind).unzip();
        let written = value.as_ref().map(|value| kind.write(value));
        self.note(key, written, source.unwrap_or(Source::Default));
        value
    }

    /// The names that stand below `section`.
    pub(super) fn names_below(&self, section: &KeyPath) -> BTreeSet<String> {
        let inside = self
            .layers
            .entries()
            .iter()
            .filter(|entry| entry.key.is_inside(section));
        inside
            .map(|entry| entry.key.segments()[section.segments().len()].clone())
            .collect()
    }

    /// Notes that the settings at `keys` cannot stand together, unless one of
    /// them is a error by itself or the file could not be read.
    pub(super) fn clash(&mut self, keys: &[&str], problem: &str) {
        let keys: Vec<KeyPath> = keys.iter().map(|key| KeyPath::dotted(key)).collect();
        if self.layers.incomplete || keys.iter().any(|key| self.invalid.contains(key)) {
            return;
        }
        let set = |key: &KeyPath| self.resolved.iter().find(|one| one.key == *key).cloned();
        let mut settings: Vec<ResolvedSetting> = keys.iter().filter_map(set).collect();
        // The place to correct it is the first that somebody wrote.
        let written = settings
            .iter()
            .position(|one| one.source != Source::Default);
        let first = settings.remove(written.unwrap_or(0));
        let mut error =
            ConfigError::of_setting(first.source.clone(), first.to_string(), problem.to_owned());
        error.beside = settings;
        self.errors.push(error);
    }

    /// Notes that there is something wrong with the section `key` itself.
    pub(super) fn refuse(&mut self, key: &KeyPath, problem: &str) {
        let mut entries = self.layers.entries().iter();
        let first = entries.find(|entry| entry.key == *key || entry.key.is_inside(key));
        let source = first.map_or(Source::Default, |entry| entry.source.clone());
        let error = ConfigError::of_setting(source, format!("[{key}]"), problem.to_owned());
        self.errors.push(error);
    }

    /// What came out, or everything that was wrong. `renamed` has the former
    /// name of a key first and its present name second.
    pub(super) fn finish(
        mut self,
        renamed: &[(&str, &str)],
    ) -> Result<Vec<ResolvedSetting>, ConfigErrors> {
        let sections: HashSet<KeyPath> = self.known.iter().flat_map(sections_around).collect();
        // Only the file has section headers, and its parser bounds their depth.
        let in_file = self
            .layers
            .entries()
            .iter()
            .filter(|entry| entry.is_of_file());
        let filled: HashSet<KeyPath> = in_file
            .flat_map(|entry| sections_around(&entry.key))
            .collect();
        for entry in self.layers.entries() {
            let is_section = entry.raw == RawValue::Table;
            // A section that is not empty is told of by what it holds.
            if self.known.contains(&entry.key) || (is_section && filled.contains(&entry.key)) {
                continue;
            }
            if !sections.contains(&entry.key) {
                self.errors.push(self.unknown(entry, renamed));
            } else if !is_section {
                let problem = "must be a section, with keys of its own".to_owned();
                let source = entry.source.clone();
                self.errors
                    .push(ConfigError::of_setting(source, entry.shown(), problem));
            }
        }
        if self.errors.is_empty() {
            Ok(self.resolved)
        } else {
            Err(ConfigErrors::new(self.errors))
        }
    }

    /// The value that was given for `key`, where it is right.
    fn given<K: Kind>(&mut self, key: &KeyPath, kind: &K) -> Option<(K::Value, Source)> {
        let entry = self.layers.latest(key)?;
        if let Some(value) = kind.read(&entry.raw) {
            return Some((value, entry.source.clone()));
        }
        let problem = format!("must be {}", kind.expected(&entry.raw));
        let shown = if kind.is_secret() {
            key.to_string()
        } else {
            entry.shown()
        };
        let source = entry.source.clone();
        self.errors
            .push(ConfigError::of_setting(source, shown, problem));
        self.invalid.insert(key.clone());
        None
    }

    fn note(&mut self, key: KeyPath, value: Option<String>, source: Source) {
        self.known.insert(key.clone());
        self.resolved.push(ResolvedSetting { key, value, source });
    }

    /// The error of a key that nobody asked for. Its value does not matter,
    /// and might be a secret meant for another key: it is not shown.
    fn unknown(&self, entry: &LayerEntry, renamed: &[(&str, &str)]) -> ConfigError {
        let name = |key: &KeyPath| match entry.source {
            Source::Variable(_) => key.variable(),
            Source::Default | Source::File { .. } | Source::Set => key.to_string(),
        };
        let successor = renamed
            .iter()
            .find(|(old, _)| entry.key == KeyPath::dotted(old));
        let problem = match (successor, nearest(&entry.key, self.known.iter())) {
            (Some((_, new)), _) => {
                format!("was renamed: it is {} now", name(&KeyPath::dotted(new)))
            }
            (None, Some(meant)) => format!("no such key; did you mean {}?", name(meant)),
            (None, None) => "no such key".to_owned(),
        };
        ConfigError::of_setting(entry.source.clone(), entry.key.to_string(), problem)
    }
}

/// The sections in which `key` stands, from the innermost outwards.
fn sections_around(key: &KeyPath) -> Vec<KeyPath> {
    let depths = (1..key.segments().len()).rev();
    depths
        .map(|depth| KeyPath::new(key.segments()[..depth].to_vec()))
        .collect()
}
