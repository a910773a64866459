//! What is wrong with a configuration, in words that say where to go and what
//! to write there.
//!
//! Each error is one line: place, key, value, what it must be. An example: a
//! file says on line 12 that `burst = 0` in `[quota.create]`. The line is
//! `livegate.toml:12: quota.create.burst = 0: must be a whole number from 1 to
//! 10000`.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::resolved::ResolvedSetting;

/// Where a value comes from. The order is that of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file, as it was named on the command line.
        path: Arc<Path>,
        /// The line of the key, counted from 1; `None`: the file as a whole.
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

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where to correct it.
    pub source: Source,
    /// The key and, after ` = `, the value as it was written, where the value
    /// matters; `None` for a file that cannot be read at all.
    pub setting: Option<String>,
    /// Other settings that it cannot stand beside.
    pub beside: Vec<ResolvedSetting>,
    /// What it must be.
    pub problem: String,
}

impl ConfigError {
    /// A error of a source as a whole.
    pub(super) fn of_source(source: Source, problem: String) -> Self {
        Self {
            source,
            setting: None,
            beside: Vec::new(),
            problem,
        }
    }

    /// A error of one setting.
    pub(super) fn of_setting(source: Source, setting: String, problem: String) -> Self {
        Self {
            source,
            setting: Some(setting),
            beside: Vec::new(),
            problem,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if let Some(setting) = &self.setting {
            f.write_str(setting)?;
            for other in &self.beside {
                write!(f, ", {other} ({})", other.source)?;
            }
            f.write_str(": ")?;
        }
        write_on_one_line(f, &self.problem)
    }
}

/// All that is wrong, in the order of the places: the file from its top, then
/// the environment, then the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// `errors` in the order of their places.
    pub(super) fn new(mut errors: Vec<ConfigError>) -> Self {
        debug_assert!(!errors.is_empty(), "an error says what is wrong");
        errors.sort_by(|left, right| left.source.cmp(&right.source));
        Self(errors)
    }

    /// Each of them; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A name that holds a line break must not break out of its line.
fn write_on_one_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars()
        .try_for_each(|character| match character.is_control() {
            true => f.write_char('?'),
            false => f.write_char(character),
        })
}
