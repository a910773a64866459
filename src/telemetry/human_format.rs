//! Log lines for people: time, level, message, then `code`, `reason`, `caller` and `method`,
//! then the other fields. Lines in JSON have all attributes of the span too.
//!
//! Characters that control a terminal or the direction of text are escaped, because fields
//! quote peers. A line about a call is cut at 160 columns. For example:
//!
//! ```text
//! 2026-11-26T19:19:44.924Z  INFO call failed code=RESOURCE_EXHAUSTED reason=QUOTA_EXHAUSTED caller=payments method=CreateSession ...
//! ```

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::log_filter::is_livegate;

const MAX_CALL_COLUMNS: usize = 160;

/// Formats the events.
pub(super) struct HumanFormat;

/// Formats the attributes of a call's span: its caller and its method.
pub(super) struct CallFields;

impl<S, N> FormatEvent<S, N> for HumanFormat
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let call = call_fields(context);
        let metadata = event.metadata();
        let mut line = String::new();
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        // Milliseconds are enough to read.
        line.replace_range(line.len().saturating_sub(4).., "Z");
        let level = metadata.level();
        let start = line.len() + 1;
        write!(line, " {level:>5} ")?;
        if !is_livegate(metadata) {
            write!(line, "{}: ", metadata.target())?;
        }
        write!(
            line,
            "{}{}{call}{}",
            fields.message, fields.first, fields.rest
        )?;
        let mut line = escaped(line);
        if !call.is_empty() && line.chars().count() > MAX_CALL_COLUMNS {
            line = line.chars().take(MAX_CALL_COLUMNS - 3).collect::<String>() + "...";
        }
        if writer.has_ansi_escapes() {
            let colored = format!("\u{1b}[{}m{level:>5}\u{1b}[0m", color(*level));
            line.replace_range(start..start + 5, &colored);
        }
        writeln!(writer, "{line}")
    }
}

/// Escapes characters that change how a terminal shows the line.
fn escaped(line: String) -> String {
    let is_unsafe = |letter: char| match letter {
        '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        letter => letter.is_control(),
    };
    if !line.contains(is_unsafe) {
        return line;
    }
    let printable = |letter: char| match is_unsafe(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    line.chars().map(printable).collect()
}

fn color(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

/// Returns the caller and the method of the spans of the event.
fn call_fields<S, N>(context: &FmtContext<'_, S, N>) -> String
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let mut call = String::new();
    for span in context.event_scope().into_iter().flatten() {
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
            call.push_str(&fields.fields);
        }
    }
    // The caller is recorded after the method, when it is authenticated.
    let at = call.find(" caller=").unwrap_or(0);
    let call = format!("{}{}", &call[at..], &call[..at]);
    call.trim_end().to_owned()
}

impl<'writer> FormatFields<'writer> for CallFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut call = CallVisitor(String::new());
        fields.record(&mut call);
        writer.write_str(&call.0)
    }
}

struct CallVisitor(String);

impl Visit for CallVisitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        let name = match field.name() {
            "caller" => "caller",
            "rpc.method" => "method",
            _ => return,
        };
        self.0.push_str(&format!(" {name}={value}"));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The fields of an event, formatted.
#[derive(Default)]
struct EventFields {
    message: String,
    /// `code` and `reason`.
    first: String,
    rest: String,
}

impl Visit for EventFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            "code" | "reason" => self.first.push_str(&format!(" {}={value}", field.name())),
            name if value.is_empty() || value.contains([' ', '"', '=']) => {
                self.rest.push_str(&format!(" {name}={value:?}"));
            }
            name => self.rest.push_str(&format!(" {name}={value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            // Records of the `log` crate repeat their target and place.
            name if name.starts_with("log.") => {}
            name => self.rest.push_str(&format!(" {name}={value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{field, info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Returns the lines that `run` logs, without their times.
    fn logged(run: impl FnOnce()) -> Vec<String> {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .event_format(HumanFormat)
            .fmt_fields(CallFields)
            .with_writer(move || Lines(writer.clone()));
        let logs = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(logs, run);
        let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
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

    #[test]
    fn a_line_of_a_call_has_its_caller_and_method_and_no_other_attributes() {
        let lines = logged(|| {
            let span = info_span!(
                target: "livegate::grpc",
                "call",
                otel.kind = "server",
                rpc.method = "CreateSession",
                call_id = "c-1",
                caller = field::Empty
            );
            span.record("caller", "payments");
            span.in_scope(|| {
                info!(target: "livegate::grpc", code = "UNAVAILABLE", reason = "SHUTTING_DOWN", attempts = 2, "call failed");
                info!(target: "livegate::grpc", error = "x".repeat(300), "call failed");
            });
        });
        let (_, rest) = lines[0].split_once("Z ").unwrap();
        let expected = " INFO call failed code=UNAVAILABLE reason=SHUTTING_DOWN caller=payments \
            method=CreateSession attempts=2";
        assert_eq!(rest, expected);
        assert_eq!(lines[1].chars().count(), MAX_CALL_COLUMNS);
        assert!(lines[1].ends_with("xxx..."), "{}", lines[1]);
    }

    #[test]
    fn control_characters_of_messages_and_fields_are_escaped() {
        let hostile = "red\u{1b}[31m\r\nforged\u{9b}2J\u{202e}";
        let lines = logged(|| {
            let span = info_span!(target: "livegate::grpc", "call", caller = hostile);
            span.in_scope(|| info!(target: "livegate::grpc", "inside"));
            info!(target: "livegate::grpc", text = hostile, shown = %hostile, "{hostile}");
            info!(target: "livegate::grpc", code = hostile, debug = ?Some(hostile), "plain");
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        let escaped = r"red\u{1b}[31m\r\nforged\u{9b}2J\u{202e}";
        for (line, count) in lines.iter().zip([1, 3, 2]) {
            assert_eq!(line.matches(escaped).count(), count, "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn a_line_of_another_crate_has_its_target_and_is_not_cut() {
        let lines = logged(|| warn!(target: "aws_config", text = "y".repeat(300), "careful"));
        assert!(lines[0].contains(" WARN aws_config: careful text="));
        assert!(lines[0].len() > 300);
    }
}
