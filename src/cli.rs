//! The commands: arguments in, words and an exit code out.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where nobody reads: use `out`"
)]

pub mod call;
pub mod check_config;
#[cfg(feature = "simulator")]
pub mod demo;
mod duration;
mod out;
pub mod serve;
#[cfg(feature = "simulator")]
pub mod simulate;
pub mod sources;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::call::{CreateArgs, ResultArgs};
use self::check_config::CheckConfigArgs;
#[cfg(feature = "simulator")]
use self::demo::DemoArgs;
use self::out::ReaderLeft;
use self::serve::ServeArgs;
#[cfg(feature = "simulator")]
use self::simulate::SimulateArgs;

pub use self::out::complain;

/// Issues Amazon Rekognition Face Liveness sessions within one AWS quota
#[derive(Debug, Parser)]
#[command(name = "livegate", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(ServeArgs),
    /// Show the service at work, in front of the embedded simulator: no AWS
    /// account and no configuration needed
    #[cfg(feature = "simulator")]
    Demo(DemoArgs),
    /// Run the embedded Rekognition alone, for tests
    #[cfg(feature = "simulator")]
    Simulate(SimulateArgs),
    /// Say every mistake of a configuration at once, or print all of it with
    /// the source of each value
    CheckConfig(CheckConfigArgs),
    /// Ask a Livegate for a session
    Create(CreateArgs),
    /// Ask a Livegate what came of a session
    Result(ResultArgs),
}

impl Cli {
    /// Runs the command that was named, and says with what code to exit. A reader
    /// of its output who leaves has seen enough: that is no failure.
    ///
    /// # Errors
    /// Where the command cannot do its work.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let ended = match self.command {
            Command::Serve(args) => serve::run(&args).await,
            #[cfg(feature = "simulator")]
            Command::Demo(args) => demo::run(&args).await,
            #[cfg(feature = "simulator")]
            Command::Simulate(args) => simulate::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::CheckConfig(args) => check_config::run(&args).await,
            Command::Create(args) => call::create(args).await,
            Command::Result(args) => call::result(args).await,
        };
        match ended {
            Err(error) if error.is::<ReaderLeft>() => Ok(ExitCode::SUCCESS),
            ended => ended,
        }
    }
}
