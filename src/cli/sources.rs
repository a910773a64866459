//! The arguments that say where the configuration is read from, the same for
//! every command that has one.
//!
//! An example: `--config livegate.toml --set quota.create.burst=9`, run with
//! `LIVEGATE_GRPC__LISTEN=[::]:50051`, reads the file, then the variable, then
//! the setting.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Sources;

/// Where the configuration is read from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SourceArgs {
    /// The configuration file, in TOML; without it, the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A setting that overrides the file and the environment, as in
    /// quota.create.burst=9; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SourceArgs {
    /// The sources that the arguments and the environment name.
    ///
    /// A variable that is not UTF-8 has U+FFFD in the place of the bytes that
    /// cannot be read, which no setting accepts: it is refused with its name.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let readable = |text: OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os();
        Sources {
            file: self.config.clone(),
            environment: variables
                .map(|(name, value)| (readable(name), readable(value)))
                .collect(),
            set: self.set.clone(),
        }
    }
}
