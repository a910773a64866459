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

/// At finer levels the SDK logs what it sends and receives: tokens, session ids
/// and pictures. No filter turns that on.
const SDK_AT_MOST: &str = "aws_=info";

/// Installs the logs of the process, and logs panics with them.
///
/// # Errors
/// Where the filter cannot be read, or logs were installed before.
pub fn install(format: LogFormat) -> Result<(), String> {
    let text = std::env::var_os(FILTER).map(|text| text.to_string_lossy().into_owned());
    let filter = filter(text.as_deref())?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // Where a line cannot be written, it is lost: to say so on the same stream
        // would panic, and the process end for its log.
        .log_internal_errors(false)
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

fn filter(text: Option<&str>) -> Result<EnvFilter, String> {
    let text = text.unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(text).map_err(|e| format!("{FILTER}={text:?}: {e}"))?;
    Ok(filter.add_directive(SDK_AT_MOST.parse().expect("a level for a target")))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, trace};

    use super::*;

    #[test]
    fn no_filter_makes_the_sdk_say_what_it_sends() {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = lines.clone();
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter(Some("trace")).unwrap())
            .with_writer(move || Lines(writer.clone()))
            .finish();
        tracing::subscriber::with_default(logs, || {
            trace!(target: "aws_smithy_runtime::client", "secret body");
            info!(target: "aws_config::profile", "profile read");
            trace!(target: "livegate::session", "our own");
        });
        let lines = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        assert!(!lines.contains("secret body"), "{lines}");
        assert!(
            lines.contains("profile read") && lines.contains("our own"),
            "{lines}"
        );
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let refused = filter(Some("livegate=loud")).unwrap_err();
        assert!(
            refused.contains("LIVEGATE_LOG=\"livegate=loud\""),
            "{refused}"
        );
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
