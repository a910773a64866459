//! The `livegate` command: arguments in, exit code out. The work is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use livegate::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("livegate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
