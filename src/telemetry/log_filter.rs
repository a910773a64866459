//! The log filter, which can change while the process runs.
//!
//! For example, the process starts with `info,aws_config=error,h2=error`. A reload of the
//! configuration sets `log.filter = "info,livegate=debug"`, and the next lines of this
//! crate include the level `debug`. If `LIVEGATE_LOG` is set, the filter does not change.

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// The default filter. It leaves out the SDK's lines about credentials, which `app` logs
/// too, and `h2`'s lines about protocol errors, of which a peer can cause any number.
pub const DEFAULT_FILTER: &str = "info,aws_config=error,h2=error";

/// The environment variable that overrides the configured filter.
const FILTER_VARIABLE: &str = "LIVEGATE_LOG";

/// At `debug` and `trace` the SDK logs requests and responses, with tokens, session ids
/// and images. No filter enables these levels.
const SDK_TARGETS: &str = "aws_";
const MAX_SDK_LEVEL: LevelFilter = LevelFilter::INFO;

/// Changes the log filter. Clones change the same filter.
#[derive(Clone, Debug)]
pub struct LogFilter {
    /// `None` if the environment variable sets the filter.
    handle: Option<reload::Handle<EnvFilter, Registry>>,
}

impl LogFilter {
    /// Sets the filter to `text`, unless `LIVEGATE_LOG` is set. An invalid filter changes
    /// nothing.
    pub fn set(&self, text: &str) {
        if let (Some(handle), Ok(filter)) = (&self.handle, EnvFilter::try_new(text)) {
            // This fails only if the subscriber was dropped; then there are no logs at all.
            let _ = handle.reload(filter);
        }
    }
}

/// Whether `text` is a valid filter, for example `info,livegate=debug`. Text beyond ASCII
/// is invalid, because no module has such a name; so is an empty filter, which would
/// disable all logs.
#[must_use]
pub fn is_filter(text: &str) -> bool {
    text.is_ascii() && !text.trim().is_empty() && EnvFilter::try_new(text).is_ok()
}

/// Returns the filter from the environment variable, or else from `text`, with the limit
/// on the SDK's level.
pub(super) fn log_filter(text: &str) -> Result<(LogFilter, impl Filter<Registry> + use<>), String> {
    let variable = std::env::var_os(FILTER_VARIABLE);
    let variable = variable.map(|text| text.to_string_lossy().into_owned());
    let (name, text) = match &variable {
        Some(variable) => (FILTER_VARIABLE, variable.as_str()),
        None => ("log.filter", text),
    };
    let filter = EnvFilter::try_new(text).map_err(|e| format!("{name}={text:?}: {e}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    let handle = variable.is_none().then_some(handle);
    Ok((LogFilter { handle }, limited(filter)))
}

/// Enables the `info` spans of this crate at every filter, and limits the SDK to
/// [`MAX_SDK_LEVEL`].
fn limited<S>(filter: impl Filter<S>) -> impl Filter<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let is_call_span = |metadata: &Metadata<'_>| {
        metadata.is_span() && is_livegate(metadata) && *metadata.level() <= LevelFilter::INFO
    };
    let is_within_sdk_limit = |metadata: &Metadata<'_>| {
        !metadata.target().starts_with(SDK_TARGETS) || *metadata.level() <= MAX_SDK_LEVEL
    };
    // Without these hints every span and event of every library is offered to the filters.
    filter
        .or(filter_fn(is_call_span).with_max_level_hint(LevelFilter::INFO))
        .and(filter_fn(is_within_sdk_limit).with_max_level_hint(LevelFilter::TRACE))
}

/// Whether a span or an event is from this crate.
pub(super) fn is_livegate(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "livegate" || target.starts_with("livegate::")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info, info_span, trace, warn};
    use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

    use super::*;

    #[test]
    fn no_filter_enables_the_requests_in_the_sdk_s_logs() {
        let (filter, handle) = reload::Layer::new(EnvFilter::new("trace"));
        let lines = logged(filter, || {
            trace!(target: "aws_smithy_runtime::client", "secret body");
            info!(target: "aws_config::profile", "profile read");
            trace!(target: "livegate::session", "own line");
            let log_filter = LogFilter {
                handle: Some(handle),
            };
            log_filter.set("info,aws_smithy_runtime=trace");
            trace!(target: "aws_smithy_runtime::client", "secret token");
            info!(target: "aws_smithy_runtime::client", "harmless");
        });
        assert!(!lines.contains("secret"), "{lines}");
        for expected in ["profile read", "own line", "harmless"] {
            assert!(lines.contains(expected), "{expected}: {lines}");
        }
    }

    #[test]
    fn a_new_filter_applies_from_the_next_line_on_and_an_invalid_one_is_ignored() {
        let (filter, handle) = reload::Layer::new(EnvFilter::new("warn"));
        let lines = logged(filter, || {
            let log_filter = LogFilter {
                handle: Some(handle),
            };
            debug!(target: "livegate::session", "before");
            log_filter.set("livegate=debug");
            debug!(target: "livegate::session", "after");
            log_filter.set("livegate=loud");
            debug!(target: "livegate::session", "still");
        });
        assert!(!lines.contains("before"), "{lines}");
        assert!(
            lines.contains("after") && lines.contains("still"),
            "{lines}"
        );
    }

    #[test]
    fn a_line_carries_the_span_of_its_call_at_every_filter() {
        let (filter, _handle) = reload::Layer::new(EnvFilter::new("warn"));
        let lines = logged(filter, || {
            let span = info_span!(target: "livegate::grpc::edge", "call", call_id = "c-1");
            span.in_scope(|| warn!(target: "livegate::session", "careful"));
        });
        assert!(lines.contains("c-1"), "{lines}");
    }

    #[test]
    fn the_filter_bounds_the_level_so_that_libraries_build_no_trace_spans() {
        let (filter, _handle) = reload::Layer::new(EnvFilter::new(DEFAULT_FILTER));
        let bound = Filter::<Registry>::max_level_hint(&limited(filter));
        assert_eq!(bound, Some(LevelFilter::INFO));
    }

    #[test]
    fn an_invalid_filter_is_rejected() {
        assert!(is_filter(DEFAULT_FILTER) && is_filter("info,livegate=debug"));
        for invalid in ["livegate=loud", "", " ", "é"] {
            assert!(!is_filter(invalid), "{invalid:?}");
        }
    }

    /// The log lines that `run` writes.
    fn logged(filter: reload::Layer<EnvFilter, Registry>, run: impl FnOnce()) -> String {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || Lines(writer.clone()));
        let logs = tracing_subscriber::registry().with(layer.with_filter(limited(filter)));
        tracing::subscriber::with_default(logs, run);
        String::from_utf8(lines.lock().unwrap().clone()).unwrap()
    }

    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
