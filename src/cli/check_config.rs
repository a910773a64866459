//! `livegate check-config`: reports every error of a configuration at once, or prints the
//! settings that differ from the defaults.
//!
//! For example, with a valid file, standard output has the changed settings with their
//! sources, standard error has `configuration OK`, and the exit code is 0. With two
//! errors, standard error has a line for each and their number, standard output is empty,
//! and the exit code is 1.

use std::io::Write as _;
use std::process::ExitCode;

use super::out::{counted, print_err, print_out, printable};
use super::sources::SourceArgs;
use crate::app::{CheckOutcome, check_connections, check_files};
use crate::config::{Config, ConfigErrors, Loaded};

/// Report every error of a configuration at once, or print the settings that differ from
/// the defaults.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckConfigArgs {
    #[command(flatten)]
    sources: SourceArgs,
    /// Print every setting with its source
    #[arg(long)]
    all: bool,
    /// Also read the files that the configuration names: certificates must match their
    /// keys and be valid today, and keys must have a valid length
    #[arg(long)]
    files: bool,
    /// Also connect to the store, and run the scripts that serve runs; and ask AWS for
    /// the result of a random session id, which creates nothing
    #[arg(long)]
    connect: bool,
}

/// Prints the configuration, or reports its errors. Returns the exit code, 0 or 1.
///
/// # Errors
/// If standard output or standard error cannot be written.
pub async fn run(args: &CheckConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = match Config::load(&args.sources.sources()) {
        Ok(loaded) => loaded,
        Err(errors) => return report(&errors),
    };
    let (changed, count) = loaded.changed_to_toml();
    let text = if args.all { loaded.to_toml() } else { changed };
    if !text.is_empty() {
        print_out(format_args!("{}", text.trim_end()))?;
    }
    let outcomes = args.check(&loaded).await;
    for Ok(text) | Err(text) in &outcomes {
        print_err(format_args!("{}", printable(text)));
    }
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    if failed > 0 {
        print_err(format_args!("{} failed", counted(failed, "check")));
        return Ok(ExitCode::FAILURE);
    }
    let differ = match count {
        0 => "all settings equal the defaults".to_owned(),
        1 => "1 setting differs from the defaults".to_owned(),
        count => format!("{count} settings differ from the defaults"),
    };
    if let Some(limit) = &loaded.config.check_limit {
        let utilization = loaded.config.create_quota.target_utilization;
        let rate = limit.sessions_per_second() * utilization;
        print_err(format_args!(
            "checks.max_concurrent allows {rate:.2} new sessions per second"
        ));
    }
    for warning in loaded.config.warnings() {
        print_err(format_args!("warning: {warning}"));
    }
    print_err(format_args!("configuration OK, {differ}"));
    Ok(ExitCode::SUCCESS)
}

impl CheckConfigArgs {
    async fn check(&self, loaded: &Loaded) -> Vec<CheckOutcome> {
        let mut outcomes = Vec::new();
        if self.files {
            outcomes.extend(check_files(&loaded.config));
        }
        if self.connect {
            outcomes.extend(check_connections(&loaded.config).await);
        }
        outcomes
    }
}

/// Reports every error on standard error. Returns the exit code, 1.
///
/// # Errors
/// If standard error cannot be written.
pub(super) fn report(errors: &ConfigErrors) -> anyhow::Result<ExitCode> {
    let count = counted(errors.iter().count(), "error");
    let mut out = std::io::stderr().lock();
    writeln!(out, "{errors}\n{count} in the configuration")?;
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
        assert_eq!(exit_code(&["--files"]).await, ExitCode::SUCCESS);
        let no_server = ["--connect", "--set", "store.url=redis://127.0.0.1:1"];
        let no_aws = ["--set", "upstream.endpoint_url=http://127.0.0.1:1"];
        assert_eq!(
            exit_code(&[&no_server[..], &no_aws].concat()).await,
            ExitCode::FAILURE
        );
        assert_eq!(
            exit_code(&["--config", "/no/such/file"]).await,
            ExitCode::FAILURE
        );
    }
}
