//! The commands: arguments in, text and an exit code out.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic if the stream is closed: use `out`"
)]

pub mod call;
pub mod check_config;
#[cfg(feature = "simulator")]
pub mod demo;
#[cfg(feature = "simulator")]
pub mod device;
mod duration;
mod out;
pub mod serve;
#[cfg(feature = "simulator")]
pub mod simulate;
pub mod sources;
pub mod status;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::call::{CreateArgs, ResultArgs};
use self::check_config::CheckConfigArgs;
#[cfg(feature = "simulator")]
use self::demo::DemoArgs;
#[cfg(feature = "simulator")]
use self::device::DeviceArgs;
use self::out::StdoutClosed;
use self::serve::ServeArgs;
#[cfg(feature = "simulator")]
use self::simulate::SimulateArgs;
use self::status::StatusArgs;

pub use self::out::{print_err, with_causes};

/// Issues Amazon Rekognition Face Liveness sessions within one AWS quota
#[derive(Debug, Parser)]
#[command(name = "livegate", version = env!("BUILD_VERSION"))]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(ServeArgs),
    /// Run the service in front of the embedded simulator and send it calls; needs
    /// no AWS account and no configuration
    #[cfg(feature = "simulator")]
    Demo(DemoArgs),
    /// Run the embedded Rekognition simulator alone, for tests
    #[cfg(feature = "simulator")]
    Simulate(SimulateArgs),
    #[cfg(feature = "simulator")]
    Device(DeviceArgs),
    /// Report every error of a configuration at once, or print the settings that
    /// differ from the defaults
    CheckConfig(CheckConfigArgs),
    /// Create a session
    Create(CreateArgs),
    /// Read the result of a session
    Result(ResultArgs),
    /// Show the state of a running service
    Status(StatusArgs),
}

impl Cli {
    /// Runs the command and returns the exit code. If the reader of standard output
    /// closes it, the command ends with success.
    ///
    /// # Errors
    /// If the command cannot do its work.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let result = match self.command {
            Command::Serve(args) => serve::run(&args).await,
            #[cfg(feature = "simulator")]
            Command::Demo(args) => demo::run(&args).await,
            #[cfg(feature = "simulator")]
            Command::Simulate(args) => simulate::run(args).await.map(|()| ExitCode::SUCCESS),
            #[cfg(feature = "simulator")]
            Command::Device(args) => device::run(args).await,
            Command::CheckConfig(args) => check_config::run(&args).await,
            Command::Create(args) => call::create(args).await,
            Command::Result(args) => call::result(args).await,
            Command::Status(args) => status::run(&args).await,
        };
        match result {
            Err(error) if error.is::<StdoutClosed>() => Ok(ExitCode::SUCCESS),
            result => result,
        }
    }
}
