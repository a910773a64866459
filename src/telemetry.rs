//! Logs and traces: where they go and in what form. It imports nothing of ours:
//! whoever has something to say uses `tracing`, whoever counts gets a registry
//! passed in.
//!
//! The filter of logs is `log.filter`, which the variable `LIVEGATE_LOG` overrides,
//! as in `info,livegate=debug`. It filters logs alone: traces have their own ratio,
//! and the spans of calls are there at every filter, so that a line of a call
//! carries its `call_id`, and its `trace_id` where there is one.

mod collector;
mod filter;
mod parent;

use std::io::IsTerminal as _;

use tracing::error;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::collector::Collector;
pub use self::collector::{TracesSettings, is_collector};
use self::filter::logged;
pub use self::filter::{DEFAULT_FILTER, LogFilter, is_filter};
pub use self::parent::follow;

/// The form of log lines, on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For reading in a terminal
    #[default]
    Human,
}

/// What the process says of itself, until it ends.
#[derive(Debug)]
pub struct Telemetry {
    filter: LogFilter,
    collector: Option<Collector>,
}

impl Telemetry {
    /// Installs logs and traces for the process, and logs panics with them. To be
    /// called within the runtime, which sends the traces.
    ///
    /// # Errors
    /// Where the filter cannot be read, the collector not be named, or logs were
    /// installed before.
    pub fn install(
        format: LogFormat,
        filter: &str,
        traces: &TracesSettings,
        region: &str,
    ) -> Result<Self, String> {
        let (filter, logged) = logged(filter)?;
        let collector = Collector::open(traces, region)?;
        let lines = fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            // Where a line cannot be written, it is lost: to say so on the same stream
            // would panic, and the process end for its log.
            .log_internal_errors(false)
            .with_writer(std::io::stderr);
        let lines = match format {
            LogFormat::Json => lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .boxed(),
            LogFormat::Human => lines.boxed(),
        };
        let installed = registry()
            .with(lines.with_filter(logged))
            .with(collector.as_ref().map(Collector::layer))
            .try_init();
        installed.map_err(|error| error.to_string())?;
        log_panics();
        Ok(Self { filter, collector })
    }

    /// The filter of the logs, to change it.
    #[must_use]
    pub fn filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// Sends the spans that are left, for two seconds at most. Dropped half way, it
    /// leaves them.
    pub async fn close(self) {
        if let Some(collector) = self.collector {
            collector.close().await;
        }
    }
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("no message");
        error!(
            panic.message = what,
            panic.place = place,
            "a bug: the call under way fails"
        );
    }));
}
