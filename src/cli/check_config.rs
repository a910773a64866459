//! `livegate check-config`: every mistake at once, or the configuration as it
//! came out.
//!
//! An example: with a right file, the output is a file of all settings, each
//! with its source, and the exit code is 0. With two mistakes, standard error
//! has two lines and how many they are, standard output nothing, and the exit
//! code is 1.

use std::io::Write as _;
use std::process::ExitCode;

use super::out::say;
use super::sources::SourceArgs;
use crate::config::{Config, ConfigErrors};
use crate::store::{Store, StoreSettings};

/// Say every mistake of a configuration, or print all of it with the source of
/// each value.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckConfigArgs {
    #[command(flatten)]
    sources: SourceArgs,
    /// Try to connect to the store, too, and to write there
    #[arg(long)]
    connect: bool,
}

/// Prints the configuration, or its mistakes; the exit code is 0 or 1.
///
/// # Errors
/// Where what it has to say cannot be written.
pub async fn run(args: &CheckConfigArgs) -> anyhow::Result<ExitCode> {
    match Config::load(&args.sources.sources()) {
        Ok(loaded) => {
            say(format_args!("{}", loaded.to_toml().trim_end()))?;
            if args.connect {
                return connect(&loaded.config.store).await;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(mistakes) => tell(&mistakes),
    }
}

/// Says on standard error whether the store is there; the exit code is 0 or 1.
async fn connect(settings: &StoreSettings) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stderr().lock();
    let Some(url) = &settings.url else {
        writeln!(out, "store.url is not set: there is no store to connect to")?;
        return Ok(ExitCode::SUCCESS);
    };
    match Store::try_once(settings).await {
        Ok(()) => writeln!(out, "store.url = \"{url}\": connected, and it takes writes")?,
        Err(error) => {
            writeln!(out, "store.url = \"{url}\": {error}")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says every mistake on standard error; the exit code is 1.
///
/// # Errors
/// Where standard error cannot be written.
pub(super) fn tell(mistakes: &ConfigErrors) -> anyhow::Result<ExitCode> {
    let count = mistakes.iter().count();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    let mut out = std::io::stderr().lock();
    writeln!(out, "{mistakes}\n{count} {noun} in the configuration")?;
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
    async fn the_exit_code_says_whether_the_configuration_is_right() {
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
        let nobody = ["--connect", "--set", "store.url=redis://127.0.0.1:1"];
        assert_eq!(exit_code(&nobody).await, ExitCode::FAILURE);
        assert_eq!(
            exit_code(&["--config", "/no/such/file"]).await,
            ExitCode::FAILURE
        );
    }
}
