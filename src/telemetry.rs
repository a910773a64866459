//! Logs: where they go and in what form. It imports nothing of ours: whoever has
//! something to say uses `tracing`, whoever counts gets a registry passed in.
//!
//! The filter is in the variable `LIVEGATE_LOG`, as in `info,livegate=debug`;
//! unset, `info`, without what the SDK says of credentials that `app` says too, and
//! without what `h2` says of peers' mistakes, of which they can make very many.

use std::io::IsTerminal as _;

use tracing::error;
use tracing_subscriber::EnvFilter;

/// The form of log lines, on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For reading in a terminal
    #[default]
    Human,
}

/// The variable with the filter.
const FILTER: &str = "LIVEGATE_LOG";
const DEFAULT_FILTER: &str = "info,aws_config=error,h2=error";

/// Installs the logs of the process, and logs panics with them.
///
/// # Errors
/// Where the filter cannot be read, or logs were installed before.
pub fn install(format: LogFormat) -> Result<(), String> {
    let filter = match std::env::var(FILTER) {
        Ok(text) => EnvFilter::try_new(&text).map_err(|e| format!("{FILTER}={text:?}: {e}"))?,
        Err(_) => EnvFilter::new(DEFAULT_FILTER),
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Json => logs
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .try_init(),
        LogFormat::Human => logs.try_init(),
    };
    installed.map_err(|error| error.to_string())?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("no message");
        error!(
            panic.message = what,
            panic.place = place,
            "a bug: the call under way fails"
        );
    }));
    Ok(())
}
