//! The resolved configuration: each setting with its value and source, and its output
//! as TOML that reads back as the same configuration.
//!
//! For example, with `burst = 7` in `[quota.create]` of the file, and
//! `LIVEGATE_QUOTA__CREATE__TARGET_UTILIZATION=0.5`:
//!
//! ```toml
//! [quota.create]
//! rate_per_second = 25.0    # default
//! burst = 7                 # livegate.toml:2
//! target_utilization = 0.5  # LIVEGATE_QUOTA__CREATE__TARGET_UTILIZATION
//! max_wait = "10s"          # default
//! ```

use std::collections::HashMap;
use std::fmt;

use super::error::Source;
use super::key_path::KeyPath;
use super::kind::Visibility;
use crate::store::Password;

/// One resolved setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedSetting {
    /// The key.
    pub key: KeyPath,
    /// The value in TOML; `None` if it is optional and not set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether the value equals the default.
    pub is_default: bool,
    pub(super) visibility: Visibility,
    /// The secret itself, to detect its change: `value` is the same for all secrets.
    pub(super) secret: Option<Password>,
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
    /// Formats the setting for an error, with the value if it may be shown there.
    pub(super) fn in_error(&self) -> String {
        match (&self.value, self.visibility) {
            (Some(_), Visibility::IfValid | Visibility::Secret) => self.key.to_string(),
            (None, _) | (_, Visibility::Public) => self.to_string(),
        }
    }

    fn line(&self) -> String {
        match &self.value {
            Some(value) => format!("{} = {value}", self.key.name()),
            None => format!("# {} is not set", self.key.name()),
        }
    }
}

/// Formats `settings` as TOML, with the sources as comments in one column.
pub(super) fn to_toml<'s>(settings: impl Iterator<Item = &'s ResolvedSetting> + Clone) -> String {
    let width = settings
        .clone()
        .map(|setting| setting.line().chars().count())
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

/// Returns the keys whose values differ between `before` and `after`, or that only
/// one of them has. A change of the source alone is no change.
pub(super) fn changed_keys(before: &[ResolvedSetting], after: &[ResolvedSetting]) -> Vec<KeyPath> {
    type Value<'s> = (&'s Option<String>, &'s Option<Password>);
    fn values(settings: &[ResolvedSetting]) -> HashMap<&KeyPath, Value<'_>> {
        let values = settings
            .iter()
            .map(|setting| (&setting.key, (&setting.value, &setting.secret)));
        values.collect()
    }
    let (old, new) = (values(before), values(after));
    let removed = before
        .iter()
        .filter(|setting| !new.contains_key(&setting.key));
    let keys = after.iter().chain(removed).map(|setting| &setting.key);
    keys.filter(|key| old.get(key) != new.get(key))
        .cloned()
        .collect()
}
