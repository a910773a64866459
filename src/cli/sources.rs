//! The arguments that name the sources of the configuration. They are the same for
//! every command that reads one.
//!
//! For example, `--config livegate.toml --set quota.create.burst=9` with
//! `LIVEGATE_GRPC__LISTEN=[::]:50051` in the environment reads the file, then the
//! variable, then `--set`. The last one wins.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Sources;

/// The sources of the configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SourceArgs {
    /// Configuration file in TOML; without it, the defaults apply
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Setting that overrides the file and the environment, as in
    /// quota.create.burst=9; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SourceArgs {
    /// Returns the sources that the arguments and the environment name.
    ///
    /// In a variable that is not UTF-8, U+FFFD replaces the invalid bytes. No setting
    /// accepts U+FFFD, so the variable is rejected by name.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os();
        Sources {
            file: self.config.clone(),
            environment: variables
                .map(|(name, value)| (lossy(name), lossy(value)))
                .collect(),
            set: self.set.clone(),
        }
    }
}
