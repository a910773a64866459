//! The `livegate` command: arguments in, exit code out. The work is in the library.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use livegate::cli::{Cli, complain};

/// How long what still runs may hold up the end: a read of a file can hang.
const LINGER: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let ended = runtime.block_on(cli.run());
            runtime.shutdown_timeout(LINGER);
            ended
        });
    ended.unwrap_or_else(|error| {
        complain(format_args!("livegate: {error:#}"));
        ExitCode::FAILURE
    })
}
