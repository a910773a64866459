//! `livegate check-config`: every mistake at once, or the configuration as it
//! came out.
//!
//! An example: with a right file, the output is a file of all settings, each
//! with its source, and the exit code is 0. With two mistakes, standard error
//! has two lines and how many they are, standard output nothing, and the exit
//! code is 1.

use std::io::Write as _;
use std::process::ExitCode;

use super::sources::SourceArgs;
use crate::config::Config;

/// Say every mistake of a configuration, or print all of it with the source of
/// each value.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckConfigArgs {
    #[command(flatten)]
    sources: SourceArgs,
}

/// Prints the configuration, or its mistakes; the exit code is 0 or 1.
///
/// # Errors
/// Where what it has to say cannot be written.
pub fn run(args: &CheckConfigArgs) -> anyhow::Result<ExitCode> {
    match Config::load(&args.sources.sources()) {
        Ok(loaded) => {
            std::io::stdout().write_all(loaded.to_toml().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(mistakes) => {
            let count = mistakes.iter().count();
            let noun = if count == 1 { "mistake" } else { "mistakes" };
            let mut out = std::io::stderr().lock();
            writeln!(out, "{mistakes}\n{count} {noun} in the configuration")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: CheckConfigArgs,
    }

    fn exit_code(arguments: &[&str]) -> ExitCode {
        let all = ["check-config"].iter().chain(arguments);
        let command = <Command as clap::Parser>::try_parse_from(all).expect("known arguments");
        run(&command.args).expect("the streams are open")
    }

    #[test]
    fn the_exit_code_says_whether_the_configuration_is_right() {
        assert_eq!(exit_code(&[]), ExitCode::SUCCESS);
        assert_eq!(
            exit_code(&["--set", "retry.max_attempts=2"]),
            ExitCode::SUCCESS
        );
        assert_eq!(
            exit_code(&["--set", "retry.max_attempts=0", "--set", "x"]),
            ExitCode::FAILURE
        );
        assert_eq!(exit_code(&["--config", "/no/such/file"]), ExitCode::FAILURE);
    }
}
