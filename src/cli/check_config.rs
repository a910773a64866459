//! `livegate check-config`: reports every error of a configuration at once, or prints
//! the effective configuration.
//!
//! For example, with a valid file, standard output has every setting with its source,
//! and the exit code is 0. With two errors, standard error has a line for each and
//! their number, standard output is empty, and the exit code is 1.

use std::io::Write as _;
use std::process::ExitCode;

use super::out::print_out;
use super::sources::SourceArgs;
use crate::config::{Config, ConfigErrors};
use crate::store::{Store, StoreSettings};

/// Report every error of a configuration at once, or print every setting with its
/// source.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckConfigArgs {
    #[command(flatten)]
    sources: SourceArgs,
    /// Also connect to the store and check that it accepts writes
    #[arg(long)]
    connect: bool,
}

/// Prints the configuration, or reports its errors. Returns the exit code, 0 or 1.
///
/// # Errors
/// If standard output or standard error cannot be written.
pub async fn run(args: &CheckConfigArgs) -> anyhow::Result<ExitCode> {
    match Config::load(&args.sources.sources()) {
        Ok(loaded) => {
            print_out(format_args!("{}", loaded.to_toml().trim_end()))?;
            if args.connect {
                return connect(&loaded.config.store).await;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => report(&errors),
    }
}

/// Reports on standard error whether the store is available. Returns the exit code,
/// 0 or 1.
async fn connect(settings: &StoreSettings) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stderr().lock();
    let Some(url) = &settings.url else {
        writeln!(
            out,
            "store.url is not set, so there is no store to connect to"
        )?;
        return Ok(ExitCode::SUCCESS);
    };
    match Store::check(settings).await {
        Ok(()) => writeln!(out, "store.url = \"{url}\": connected, accepts writes")?,
        Err(error) => {
            writeln!(out, "store.url = \"{url}\": {error}")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reports every error on standard error. Returns the exit code, 1.
///
/// # Errors
/// If standard error cannot be written.
pub(super) fn report(errors: &ConfigErrors) -> anyhow::Result<ExitCode> {
    let count = errors.iter().count();
    let noun = if count == 1 { "error" } else { "errors" };
    let mut out = std::io::stderr().lock();
    writeln!(out, "{errors}\n{count} {noun} in the configuration")?;
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: CheckConfigArgs,
    }

    async fn exit_code(arguments: &[&str]) -> ExitCode {
        let all = ["check-config"].iter().chain(arguments);
        let command = <Command as clap::Parser>::try_parse_from(all).expect("known arguments");
        run(&command.args).await.expect("the streams are open")
    }

    #[tokio::test]
    async fn the_exit_code_is_0_for_a_valid_configuration_and_1_otherwise() {
        assert_eq!(exit_code(&[]).await, ExitCode::SUCCESS);
        assert_eq!(
            exit_code(&["--set", "retry.max_attempts=2"]).await,
            ExitCode::SUCCESS
        );
        assert_eq!(
            exit_code(&["--set", "retry.max_attempts=0", "--set", "x"]).await,
            ExitCode::FAILURE
        );
        assert_eq!(exit_code(&["--connect"]).await, ExitCode::SUCCESS);
        let no_server = ["--connect", "--set", "store.url=redis://127.0.0.1:1"];
        assert_eq!(exit_code(&no_server).await, ExitCode::FAILURE);
        assert_eq!(
            exit_code(&["--config", "/no/such/file"]).await,
            ExitCode::FAILURE
        );
    }
}
