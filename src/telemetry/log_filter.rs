//! Which lines are logged, and how that changes while the process runs.
//!
//! An example: it starts with `info,aws_config=error,h2=error`. The file then says
//! `log.filter = "info,livegate=debug"`, and from the next line on our own lines of
//! the level `debug` are there. Had `LIVEGATE_LOG` been set, it would stay.

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// What is logged where nobody says otherwise: without what the SDK says of
/// credentials that `app` says too, and without what `h2` says of peers' mistakes,
/// of which they can make very many.
pub const DEFAULT_FILTER: &str = "info,aws_config=error,h2=error";

/// The variable that overrides the filter of the configuration.
const OVERRIDE: &str = "LIVEGATE_LOG";

/// At finer levels the SDK logs what it sends and receives: tokens, session ids
/// and pictures. No filter turns that on.
const SDK: &str = "aws_";
const SDK_AT_MOST: LevelFilter = LevelFilter::INFO;

/// Changes the filter. Clones change the same one.
#[derive(Clone, Debug)]
pub struct LogFilter {
    /// None where the variable holds it.
    handle: Option<reload::Handle<EnvFilter, Registry>>,
}

impl LogFilter {
    /// Goes by `text` from the next line on, unless `LIVEGATE_LOG` is set. A text
    /// that is no filter changes nothing.
    pub fn set(&self, text: &str) {
        if let (Some(handle), Ok(filter)) = (&self.handle, EnvFilter::try_new(text)) {
            // It fails where the logs are gone, and nobody would read of it.
            let _ = handle.reload(filter);
        }
    }
}

/// Whether `text` is a filter, as in `info,livegate=debug`. No module has a letter
/// beyond ASCII, and without a directive there would be no logs by mistake.
#[must_use]
pub fn is_filter(text: &str) -> bool {
    text.is_ascii() && !text.trim().is_empty() && EnvFilter::try_new(text).is_ok()
}

/// The filter of the variable, or else of `text`, within the bound on the SDK.
pub(super) fn logged(text: &str) -> Result<(LogFilter, impl Filter<Registry> + use<>), String> {
    let given = std::env::var_os(OVERRIDE).map(|text| text.to_string_lossy().into_owned());
    let (name, text) = match &given {
        Some(given) => (OVERRIDE, given.as_str()),
        None => ("log.filter", text),
    };
    let filter = EnvFilter::try_new(text).map_err(|e| format!("{name}={text:?}: {e}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    let handle = given.is_none().then_some(handle);
    Ok((LogFilter { handle }, bounded(filter)))
}

/// With the spans of calls at every filter, and never more than `SDK_AT_MOST`.
fn bounded<S>(filter: impl Filter<S>) -> impl Filter<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let of_call = |about: &Metadata<'_>| {
        about.is_span() && is_ours(about) && *about.level() <= LevelFilter::INFO
    };
    let harmless =
        |about: &Metadata<'_>| !about.target().starts_with(SDK) || *about.level() <= SDK_AT_MOST;
    filter.or(filter_fn(of_call)).and(filter_fn(harmless))
}

/// Whether the library says it.
pub(super) fn is_ours(about: &Metadata<'_>) -> bool {
    let target = about.target();
    target == "livegate" || target.starts_with("livegate::")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info, info_span, trace, warn};
    use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

    use super::*;

    #[test]
    fn no_filter_makes_the_sdk_say_what_it_sends() {
        let (filter, handle) = reload::Layer::new(EnvFilter::new("trace"));
        let lines = told(filter, || {
            trace!(target: "aws_smithy_runtime::client", "secret body");
            info!(target: "aws_config::profile", "profile read");
            trace!(target: "livegate::session", "our own");
            let change = LogFilter {
                handle: Some(handle),
            };
            change.set("info,aws_smithy_runtime=trace");
            trace!(target: "aws_smithy_runtime::client", "secret token");
            info!(target: "aws_smithy_runtime::client", "harmless");
        });
        assert!(!lines.contains("secret"), "{lines}");
        for said in ["profile read", "our own", "harmless"] {
            assert!(lines.contains(said), "{said}: {lines}");
        }
    }

    #[test]
    fn another_filter_holds_from_the_next_line_on() {
        let (filter, handle) = reload::Layer::new(EnvFilter::new("warn"));
        let lines = told(filter, || {
            let change = LogFilter {
                handle: Some(handle),
            };
            debug!(target: "livegate::session", "before");
            change.set("livegate=debug");
            debug!(target: "livegate::session", "after");
            change.set("livegate=loud");
            debug!(target: "livegate::session", "still");
        });
        assert!(!lines.contains("before"), "{lines}");
        assert!(
            lines.contains("after") && lines.contains("still"),
            "{lines}"
        );
    }

    #[test]
    fn a_line_has_the_span_of_its_call_at_every_filter() {
        let (filter, _handle) = reload::Layer::new(EnvFilter::new("warn"));
        let lines = told(filter, || {
            let span = info_span!(target: "livegate::grpc::edge", "call", call_id = "c-1");
            span.in_scope(|| warn!(target: "livegate::session", "careful"));
        });
        assert!(lines.contains("c-1"), "{lines}");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_none() {
        assert!(is_filter(DEFAULT_FILTER) && is_filter("info,livegate=debug"));
        for wrong in ["livegate=loud", "", " ", "é"] {
            assert!(!is_filter(wrong), "{wrong:?}");
        }
    }

    fn told(filter: reload::Layer<EnvFilter, Registry>, scene: impl FnOnce()) -> String {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || Lines(writer.clone()));
        let logs = tracing_subscriber::registry().with(layer.with_filter(bounded(filter)));
        tracing::subscriber::with_default(logs, scene);
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
