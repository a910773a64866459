//! The configuration as it came out, each value with its source, as a TOML file
//! that gives the same configuration when it is read again.
//!
//! An example: a file of one line, `burst = 7` in `[quota.create]`, and
//! `LIVEGATE_QUOTA__CREATE__TARGET_UTILIZATION=0.5`:
//!
//! ```toml
//! [quota.create]
//! rate_per_second = 25.0  # default
//! burst = 7               # livegate.toml:2
//! target_utilization = 0.5          # LIVEGATE_QUOTA__CREATE__TARGET_UTILIZATION
//! max_wait = "10s"        # default
//! ```

use std::collections::HashMap;
use std::fmt;

use super::error::Source;
use super::key_path::KeyPath;

/// One setting as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedSetting {
    /// Which setting.
    pub key: KeyPath,
    /// Its value in TOML; `None` where it is optional and not set.
    pub value: Option<String>,
    /// Who said so.
    pub source: Source,
}

impl fmt::Display for ResolvedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}", self.key),
            None => write!(f, "{} not set", self.key),
        }
    }
}

impl ResolvedSetting {
    fn line(&self) -> String {
        match &self.value {
            Some(value) => format!("{} = {value}", self.key.name()),
            None => format!("# {} is not set", self.key.name()),
        }
    }
}

/// `settings` as a file, the sources as comments in one column.
pub(super) fn to_toml(settings: &[ResolvedSetting]) -> String {
    let width = settings
        .iter()
        .map(|one| one.line().chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    let mut section = None;
    for setting in settings {
        if section != Some(setting.key.section()) {
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}[{}]\n", setting.key.section()));
            section = Some(setting.key.section());
        }
        text.push_str(&format!(
            "{:width$}  # {}\n",
            setting.line(),
            setting.source
        ));
    }
    text
}

/// The keys whose values differ between `before` and `after`, or that only one
/// of them has. A value that only moved to another source is the same value.
pub(super) fn changed_keys(before: &[ResolvedSetting], after: &[ResolvedSetting]) -> Vec<KeyPath> {
    let mut gone: HashMap<&KeyPath, &Option<String>> =
        before.iter().map(|one| (&one.key, &one.value)).collect();
    let mut changed = Vec::new();
    for now in after {
        if gone.remove(&now.key) != Some(&now.value) {
            changed.push(now.key.clone());
        }
    }
    // What is still here in the order in which it stood.
    let removed = before.iter().filter(|one| gone.contains_key(&one.key));
    changed.extend(removed.map(|one| one.key.clone()));
    changed
}
