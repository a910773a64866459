//! Installs logs and traces for the process. It imports no other module of the crate:
//! the others log with `tracing`, and register their metrics in a registry that is
//! passed in.
//!
//! The log filter is `log.filter`, for example `info,livegate=debug`; the environment
//! variable `LIVEGATE_LOG` overrides it. It applies to log lines only. Traces have a
//! sampling ratio of their own, and the span of a call is enabled at every filter, so
//! that each log line of a call carries its `call_id`, and its `trace_id` if it has one.
//!
//! A thread of its own writes the lines from a bounded queue, so a reader of standard error
//! that has stopped cannot stop the service. Lines beyond the bound are lost and counted.

mod human_format;
mod json_fields;
mod log_filter;
mod trace_context;
mod traces;

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing::error;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::human_format::{CallFields, HumanFormat};
use self::json_fields::JsonSpanFields;
use self::log_filter::log_filter;
pub use self::log_filter::{DEFAULT_FILTER, LogFilter, is_filter};
pub use self::trace_context::set_parent;
use self::traces::TracePipeline;
pub use self::traces::TracesSettings;

/// The format of log lines, on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line
    Json,
    /// Text for a terminal, with the caller and the method of a call
    #[default]
    Human,
}

/// The most log lines that wait to be written.
const MAX_QUEUED_LINES: usize = 10_000;

static LOST_LINES: OnceLock<ErrorCounter> = OnceLock::new();

/// Returns the number of log lines that were lost because the queue was full.
#[must_use]
pub fn lost_log_lines() -> u64 {
    let lost = LOST_LINES.get().map(ErrorCounter::dropped_lines);
    lost.unwrap_or_default() as u64
}

/// The installed logs and traces.
#[derive(Debug)]
pub struct Telemetry {
    filter: LogFilter,
    traces: Option<TracePipeline>,
    /// Writes the queued lines when dropped, for about a second at most.
    _writer: WorkerGuard,
}

impl Telemetry {
    /// Installs logs and traces for the process, and a panic hook that logs panics. Call it
    /// inside the tokio runtime, which sends the traces.
    ///
    /// # Errors
    /// If the filter or the collector's endpoint is invalid, or if logs are installed
    /// already.
    pub fn install(
        format: LogFormat,
        filter: &str,
        traces: &TracesSettings,
        region: &str,
    ) -> Result<Self, String> {
        let (filter, log_layer_filter) = log_filter(filter)?;
        let traces = TracePipeline::open(traces, region)?;
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(MAX_QUEUED_LINES)
            .thread_name("logs")
            .finish(std::io::stderr());
        LOST_LINES.get_or_init(|| writer.error_counter());
        let lines = fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            // A line that cannot be written is lost. Reporting that on the same stream
            // would panic and end the process.
            .log_internal_errors(false)
            .with_writer(writer);
        let lines = match format {
            LogFormat::Json => lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .fmt_fields(JsonSpanFields)
                .boxed(),
            LogFormat::Human => lines
                .event_format(HumanFormat)
                .fmt_fields(CallFields)
                .boxed(),
        };
        let installed = registry()
            .with(lines.with_filter(log_layer_filter))
            .with(traces.as_ref().map(TracePipeline::layer))
            .try_init();
        installed.map_err(|error| error.to_string())?;
        log_panics();
        Ok(Self {
            filter,
            traces,
            _writer: guard,
        })
    }

    /// Returns a handle that changes the log filter.
    #[must_use]
    pub fn filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// Sends the remaining spans, for at most two seconds, and writes the remaining log
    /// lines. Dropping it loses the spans.
    pub async fn close(self) {
        if let Some(traces) = self.traces {
            traces.close().await;
        }
    }
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        error!(
            panic.message = message,
            panic.location = location,
            "panic, the current call fails"
        );
    }));
}
