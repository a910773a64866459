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
use super::kind::{Kind, Visibility};
use super::layers::{LayerEntry, Layers, RawValue};
use super::resolved::ResolvedSetting;
use super::suggestions::suggestions;
use crate::store::Password;

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
        let configured = self.configured(&key, kind);
        let (value, source) = configured.unwrap_or((default, Source::Default));
        let is_default = kind.write(&value) == default_text;
        self.record(key, kind, Some(&value), source, is_default);
        value
    }

    /// Returns the optional setting at `key`.
    pub(super) fn optional<T>(&mut self, key: KeyPath, kind: &Kind<'_, T>) -> Option<T> {
        let (value, source) = self.configured(&key, kind).unzip();
        let source = source.unwrap_or(Source::Default);
        self.record(key, kind, value.as_ref(), source, value.is_none());
        value
    }

    fn record<T>(
        &mut self,
        key: KeyPath,
        kind: &Kind<'_, T>,
        value: Option<&T>,
        source: Source,
        is_default: bool,
    ) {
        let is_secret = kind.visibility == Visibility::Secret && value.is_some();
        let entry = self.layers.latest(&key).filter(|_| is_secret);
        self.resolved.push(ResolvedSetting {
            value: value.map(|value| kind.write(value)),
            source,
            is_default,
            visibility: kind.visibility,
            secret: entry.and_then(|entry| entry.raw.text()).map(Password::new),
            key,
        });
    }

    /// Returns the names directly below `section`.
    pub(super) fn names_below(&self, section: &KeyPath) -> BTreeSet<String> {
        let entries = self.layers.entries().iter();
        let inside = entries.filter(|entry| entry.key.is_inside(section));
        let names = inside.map(|entry| &entry.key.segments()[section.segments().len()]);
        names.cloned().collect()
    }

    /// Rejects `section` if there are more than `max` names in it; `plural` is the noun for
    /// them.
    pub(super) fn limit_names(
        &mut self,
        section: &KeyPath,
        names: &BTreeSet<String>,
        max: usize,
        plural: &str,
    ) {
        if names.len() > max {
            let problem = format!("has {} {plural}, must be at most {max}", names.len());
            self.reject_section(section, &problem);
        }
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
        let mut sources = settings.iter().map(|setting| &setting.source);
        let first_set = sources.position(|source| *source != Source::Default);
        let first = settings.remove(first_set.unwrap_or(0));
        let is_public = first.visibility == Visibility::Public;
        self.errors.push(ConfigError {
            value: first.value.filter(|_| is_public),
            related: settings,
            ..ConfigError::new(&first.source, Some(first.key.to_string()), problem)
        });
    }

    /// Records an error about the section `key` as a whole.
    pub(super) fn reject_section(&mut self, key: &KeyPath, problem: &str) {
        let mut entries = self.layers.entries().iter();
        let first = entries.find(|entry| entry.key == *key || entry.key.is_inside(key));
        let source = first.map_or(&Source::Default, |entry| &entry.source);
        let error = ConfigError::new(source, Some(format!("[{key}]")), problem);
        self.errors.push(error);
    }

    /// Returns the resolved settings, or all errors.
    pub(super) fn finish(mut self) -> Result<Vec<ResolvedSetting>, ConfigErrors> {
        let known: HashSet<&KeyPath> = self.resolved.iter().map(|setting| &setting.key).collect();
        let sections = enclosing_sections(known.iter().copied());
        // Only the file has section headers; the parser limits their nesting, so these sets
        // stay small.
        let entries = self.layers.entries().iter();
        let in_file = entries.filter(|entry| entry.is_from_file());
        let non_empty = enclosing_sections(in_file.map(|entry| &entry.key));
        for entry in self.layers.entries() {
            let is_section = entry.raw == RawValue::Table;
            // The keys in a non-empty section are checked one by one, so skip its header.
            if known.contains(&entry.key) || (is_section && non_empty.contains(&entry.key)) {
                continue;
            }
            if !sections.contains(&entry.key) {
                self.errors.push(self.unknown(entry));
            } else if !is_section {
                let problem = "must be a section, not a value";
                let error = ConfigError::new(&entry.source, Some(entry.key.to_string()), problem);
                self.errors.push(error);
            }
        }
        let named: Vec<&KeyPath> = known.iter().copied().chain(&sections).collect();
        let malformed = self.layers.malformed_sets.iter();
        self.errors
            .extend(malformed.map(|text| malformed_set(text, &named)));
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
        let is_public = kind.visibility == Visibility::Public;
        self.errors.push(ConfigError {
            value: entry.summary().filter(|_| is_public),
            ..ConfigError::new(&entry.source, Some(key.to_string()), problem)
        });
        self.invalid.insert(key.clone());
        None
    }

    /// Returns the error for an unknown key. The value is not shown: it could be a
    /// secret intended for another key.
    fn unknown(&self, entry: &LayerEntry) -> ConfigError {
        let name = |key: &KeyPath| match entry.source {
            Source::Variable(_) => key.variable(),
            Source::Default | Source::File { .. } | Source::Set => key.to_string(),
        };
        let known: Vec<&KeyPath> = self.resolved.iter().map(|setting| &setting.key).collect();
        let meant = suggestions(&entry.key, &known).into_iter();
        let meant: Vec<String> = meant.map(name).collect();
        let mut problem = "no such key".to_owned();
        if !meant.is_empty() {
            problem.push_str(&format!("; did you mean {}?", meant.join(" or ")));
        }
        ConfigError::new(&entry.source, Some(entry.key.to_string()), problem)
    }
}

/// Returns the error for a text after `--set` that is not `KEY=VALUE`. Of the text, only a
/// known key at its start is shown, because the rest could be a secret.
fn malformed_set(text: &str, known: &[&KeyPath]) -> ConfigError {
    let keys = known.iter().map(ToString::to_string);
    let key = keys
        .filter(|key| text.starts_with(key.as_str()))
        .max_by_key(String::len);
    let problem = "must be KEY=VALUE, as in quota.create.burst=9; quote a name that contains dots \
        or slashes";
    ConfigError::new(&Source::Set, key, problem)
}

/// Returns the sections that contain one of `keys`.
fn enclosing_sections<'k>(keys: impl Iterator<Item = &'k KeyPath>) -> HashSet<KeyPath> {
    let mut sections = HashSet::new();
    for key in keys {
        let depths = 1..key.segments().len();
        sections.extend(depths.map(|depth| KeyPath::new(key.segments()[..depth].to_vec())));
    }
    sections
}
