//! Configuration errors, each with the place, the key, the value and the bound.
//!
//! An error is one line. For example, `burst = 0` in `[quota.create]` on line 12 gives
//! `livegate.toml:12: quota.create.burst = 0: must be a whole number from 1 to 10000`. The
//! value is left out if it could be a secret.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::resolved::ResolvedSetting;

/// The source of a value, in ascending precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The setting is unset.
    Default,
    /// The configuration file.
    File {
        /// The path as given on the command line.
        path: Arc<Path>,
        /// The line of the key, from 1; `None` for the whole file.
        line: Option<usize>,
    },
    /// The environment variable of this name.
    Variable(String),
    /// The command line.
    Set,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => {
                write_on_one_line(f, &path.display().to_string())?;
                line.map_or(Ok(()), |line| write!(f, ":{line}"))
            }
            Self::Variable(name) => write_on_one_line(f, name),
            Self::Set => f.write_str("--set"),
        }
    }
}

/// One configuration error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where to fix it.
    pub source: Source,
    /// The key; `None` for an error of the whole source.
    pub key: Option<String>,
    /// The value as written, if it may be shown.
    pub value: Option<String>,
    /// The other settings of a conflict.
    pub related: Vec<ResolvedSetting>,
    /// The problem, and usually the valid values.
    pub problem: String,
}

impl ConfigError {
    /// An error of one setting, or of a source as a whole.
    pub(super) fn new(source: &Source, key: Option<String>, problem: impl Into<String>) -> Self {
        Self {
            source: source.clone(),
            key,
            value: None,
            related: Vec::new(),
            problem: problem.into(),
        }
    }

    /// Returns where to fix it: the source and the key, as in `livegate.toml:12: store.url`.
    #[must_use]
    pub fn place(&self) -> String {
        let key = self.key.as_ref().map(|key| format!(": {key}"));
        format!("{}{}", self.source, key.unwrap_or_default())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        for other in &self.related {
            write!(f, ", {} ({})", other.in_error(), other.source)?;
        }
        f.write_str(": ")?;
        write_on_one_line(f, &self.problem)
    }
}

/// All configuration errors, ordered by place: the file by line, then the
/// environment, then the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Sorts `errors` by place.
    pub(super) fn new(mut errors: Vec<ConfigError>) -> Self {
        debug_assert!(!errors.is_empty(), "there is at least one error");
        errors.sort_by(|left, right| left.source.cmp(&right.source));
        Self(errors)
    }

    /// Returns the errors; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(ConfigError::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Replaces control characters, so that a name with a line break stays on its line.
fn write_on_one_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&text.replace(char::is_control, "?"))
}
