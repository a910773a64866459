//! The reader returns each requested setting or its default, and records the known keys,
//! the resolved settings and the errors.
//!
//! A key that was never requested is unknown. For example, the file has `burst = 0` and
//! `brust = 9` in `[quota.create]`. The read of `burst` records that the value must be 1 to
//! 10000, and returns the default 5. At the end, `brust` is recorded as unknown, with
//! `burst` as the suggestion. Both errors are reported together.

use std::collections::{BTreeSet, HashSet};

use super::error::{ConfigError, ConfigErrors, Source};
use super::key_path::KeyPath;
use super::kind::Kind;
use super::layers::{LayerEntry, Layers, RawValue};
use super::resolved::ResolvedSetting;
use super::suggestions::suggestions;

/// Reads settings from all sources.
pub(super) struct Reader {
    layers: Layers,
    resolved: Vec<ResolvedSetting>,
    /// Keys with an invalid value; no conflicts are reported for them.
    invalid: HashSet<KeyPath>,
    errors: Vec<ConfigError>,
}

impl Reader {
    pub(super) fn new(mut layers: Layers) -> Self {
        Self {
            errors: std::mem::take(&mut layers.errors),
            layers,
            resolved: Vec::new(),
            invalid: HashSet::new(),
        }
    }

    /// Returns the setting at `key`, or `default` if it is unset or invalid.
    pub(super) fn read<T>(&mut self, key: KeyPath, default: T, kind: &Kind<'_, T>) -> T {
        let default_text = kind.write(&default);
        let read_back = RawValue::Untyped(default_text.trim_matches('"').to_owned());
        debug_assert!(
            kind.read(&read_back).is_some(),
            "{key}: the default must be valid"
        );
        let (value, source) = self
            .configured(&key, kind)
            .unwrap_or((default, Source::Default));
        let text = kind.write(&value);
        let is_default = text == default_text;
        self.record(key, Some(text), source, is_default);
        value
    }

    /// Returns the optional setting at `key`.
    pub(super) fn optional<T>(&mut self, key: KeyPath, kind: &Kind<'_, T>) -> Option<T> {
        let (value, source) = self.configured(&key, kind).unzip();
        let text = value.as_ref().map(|value| kind.write(value));
        self.record(
            key,
            text,
            source.unwrap_or(Source::Default),
            value.is_none(),
        );
        value
    }

    fn record(&mut self, key: KeyPath, value: Option<String>, source: Source, is_default: bool) {
        self.resolved.push(ResolvedSetting {
            key,
            value,
            source,
            is_default,
        });
    }

    /// Returns the names directly below `section`.
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

    /// Records a conflict between the settings at `keys`, dotted and separated by spaces.
    pub(super) fn conflict(&mut self, keys: &str, problem: &str) {
        let keys: Vec<KeyPath> = keys.split(' ').map(KeyPath::dotted).collect();
        self.conflict_between(&keys, problem);
    }

    /// Records a conflict between the settings at `keys`, unless one of them is invalid or
    /// the file could not be read.
    pub(super) fn conflict_between(&mut self, keys: &[KeyPath], problem: &str) {
        if self.layers.incomplete || keys.iter().any(|key| self.invalid.contains(key)) {
            return;
        }
        let resolved = |key: &KeyPath| self.resolved.iter().find(|one| one.key == *key).cloned();
        let mut settings: Vec<ResolvedSetting> = keys.iter().filter_map(resolved).collect();
        // Report it at the first setting that is not a default.
        let first_set = settings
            .iter()
            .position(|one| one.source != Source::Default);
        let first = settings.remove(first_set.unwrap_or(0));
        let mut error =
            ConfigError::of_setting(first.source.clone(), first.to_string(), problem.to_owned());
        error.related = settings;
        self.errors.push(error);
    }

    /// Records an error about the section `key` as a whole.
    pub(super) fn reject_section(&mut self, key: &KeyPath, problem: &str) {
        let mut entries = self.layers.entries().iter();
        let first = entries.find(|entry| entry.key == *key || entry.key.is_inside(key));
        let source = first.map_or(Source::Default, |entry| entry.source.clone());
        let error = ConfigError::of_setting(source, format!("[{key}]"), problem.to_owned());
        self.errors.push(error);
    }

    /// Returns the resolved settings, or all errors. `renamed` lists pairs of
    /// an old and a new name.
    pub(super) fn finish(
        mut self,
        renamed: &[(&str, &str)],
    ) -> Result<Vec<ResolvedSetting>, ConfigErrors> {
        let known: HashSet<&KeyPath> = self.resolved.iter().map(|setting| &setting.key).collect();
        let sections: HashSet<KeyPath> = known
            .iter()
            .flat_map(|key| enclosing_sections(key))
            .collect();
        // Only the file has section headers; the parser limits their nesting, so these sets
        // stay small.
        let in_file = self
            .layers
            .entries()
            .iter()
            .filter(|entry| entry.is_from_file());
        let non_empty: HashSet<KeyPath> = in_file
            .flat_map(|entry| enclosing_sections(&entry.key))
            .collect();
        for entry in self.layers.entries() {
            let is_section = entry.raw == RawValue::Table;
            // The keys in a non-empty section are checked one by one, so skip its header.
            if known.contains(&entry.key) || (is_section && non_empty.contains(&entry.key)) {
                continue;
            }
            if !sections.contains(&entry.key) {
                self.errors.push(self.unknown(entry, renamed));
            } else if !is_section {
                let problem = "must be a section, not a value".to_owned();
                let source = entry.source.clone();
                self.errors
                    .push(ConfigError::of_setting(source, entry.summary(), problem));
            }
        }
        if self.errors.is_empty() {
            Ok(self.resolved)
        } else {
            Err(ConfigErrors::new(self.errors))
        }
    }

    /// Returns the configured value of `key` with its source, if it is valid.
    fn configured<T>(&mut self, key: &KeyPath, kind: &Kind<'_, T>) -> Option<(T, Source)> {
        let entry = self.layers.latest(key)?;
        if let Some(value) = kind.read(&entry.raw) {
            return Some((value, entry.source.clone()));
        }
        let hint = (kind.hint)(&entry.raw).map(|hint| format!("; {hint}"));
        let problem = format!("must be {}{}", kind.expected, hint.unwrap_or_default());
        let setting = if kind.is_secret {
            key.to_string()
        } else {
            entry.summary()
        };
        let source = entry.source.clone();
        self.errors
            .push(ConfigError::of_setting(source, setting, problem));
        self.invalid.insert(key.clone());
        None
    }

    /// Returns the error for an unknown key. The value is not shown: it could be a
    /// secret intended for another key.
    fn unknown(&self, entry: &LayerEntry, renamed: &[(&str, &str)]) -> ConfigError {
        let name = |key: &KeyPath| match entry.source {
            Source::Variable(_) => key.variable(),
            Source::Default | Source::File { .. } | Source::Set => key.to_string(),
        };
        let successor = renamed
            .iter()
            .find(|(old, _)| entry.key == KeyPath::dotted(old));
        let known: Vec<&KeyPath> = self.resolved.iter().map(|setting| &setting.key).collect();
        let meant: Vec<String> = suggestions(&entry.key, &known)
            .into_iter()
            .map(name)
            .collect();
        let problem = match successor {
            Some((_, new)) => format!("was renamed to {}", name(&KeyPath::dotted(new))),
            None if meant.is_empty() => "no such key".to_owned(),
            None => format!("no such key; did you mean {}?", meant.join(" or ")),
        };
        ConfigError::of_setting(entry.source.clone(), entry.key.to_string(), problem)
    }
}

/// Returns the sections that contain `key`, the innermost first.
fn enclosing_sections(key: &KeyPath) -> Vec<KeyPath> {
    let depths = (1..key.segments().len()).rev();
    depths
        .map(|depth| KeyPath::new(key.segments()[..depth].to_vec()))
        .collect()
}
