//! The `livegate` command: arguments in, exit code out. The work is in the library.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use livegate::cli::{Cli, print_err, with_causes};
use mimalloc::MiMalloc;

/// Most of a call's allocations are freed on another thread, at which mimalloc is faster
/// than the allocators of glibc and musl.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long blocking tasks may delay the exit: reading a file can hang.
const BLOCKING_TASKS_TIMEOUT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let result = runtime.block_on(cli.run());
            runtime.shutdown_timeout(BLOCKING_TASKS_TIMEOUT);
            result
        });
    result.unwrap_or_else(|error| {
        print_err(format_args!("livegate: {}", with_causes(&error)));
        ExitCode::FAILURE
    })
}
