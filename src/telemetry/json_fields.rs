//! The fields of spans as JSON. Fields that are recorded later are appended.
//!
//! `tracing_subscriber`'s own format builds a tree of values, and for each later field
//! parses all earlier ones and formats them again. For the span of a call that is a third
//! of the instructions of a refusal. Here, `{"call_id":"0b6e"}` and the later field
//! `caller = "payments"` become `{"call_id":"0b6e","caller":"payments"}`.

use std::fmt::{self, Write as _};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

/// Formats the fields of a span as one JSON object.
#[derive(Debug)]
pub(super) struct JsonSpanFields;

impl<'writer> FormatFields<'writer> for JsonSpanFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut members = JsonMembers::default();
        fields.record(&mut members);
        write!(writer, "{{{}}}", members.0)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let object = &mut current.fields;
        // The closing brace.
        object.pop();
        let mut members = JsonMembers::default();
        fields.record(&mut members);
        if object.len() > 1 && !members.0.is_empty() {
            object.push(',');
        }
        write!(object, "{}}}", members.0)
    }
}

/// The members of a JSON object, without its braces.
#[derive(Default)]
struct JsonMembers(String);

impl JsonMembers {
    fn add(&mut self, field: &Field, value: impl Serialize) {
        let value = serde_json::to_string(&value).expect("a string or a number serializes");
        let comma = if self.0.is_empty() { "" } else { "," };
        write!(self.0, "{comma}\"{field}\":{value}").expect("a string grows");
    }
}

impl Visit for JsonMembers {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::{field, info, info_span};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_line_has_the_fields_that_were_recorded_later() {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .fmt_fields(JsonSpanFields)
            .with_writer(move || Lines(writer.clone()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let empty = info_span!("call", caller = field::Empty, none = field::Empty);
            empty.record("none", None::<&str>);
            empty.record("caller", "web");
            empty.in_scope(|| info!("first"));
            let span =
                info_span!("call", call_id = "a\"b", number = 1, at = %"x", caller = field::Empty);
            span.record("caller", "payments");
            span.in_scope(|| info!("second"));
        });
        let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        let spans: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["span"].clone())
            .collect();
        let second = json!({"name": "call", "call_id": "a\"b", "number": 1, "at": "x", "caller": "payments"});
        assert_eq!(
            spans,
            [json!({"name": "call", "caller": "web"}), second],
            "{text}"
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
