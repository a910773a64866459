//! The fields of spans as JSON. Fields that are recorded later are appended.
//!
//! `tracing_subscriber`'s own format builds a tree of values, and for each later field
//! parses all earlier ones and formats them again. For the span of a call that is a third
//! of the instructions of a refusal. Here, `{"call_id":"0b6e"}` and the later field
//! `caller = "payments"` become `{"call_id":"0b6e","caller":"payments"}`.

use std::fmt;

use serde::Serializer as _;
use tracing::span::Record;
use tracing_serde::SerdeMapVisitor;
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
        writer.write_str(&to_json(fields)?)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let (object, added) = (&mut current.fields, to_json(fields)?);
        // Join the two objects, with a comma unless one of them is empty.
        object.pop();
        if object.len() > 1 && added.len() > 2 {
            object.push(',');
        }
        object.push_str(&added[1..]);
        Ok(())
    }
}

fn to_json(fields: impl RecordFields) -> Result<String, fmt::Error> {
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut json);
    let map = serializer.serialize_map(None).map_err(|_| fmt::Error)?;
    let mut visitor = SerdeMapVisitor::new(map);
    fields.record(&mut visitor);
    visitor.finish().map_err(|_| fmt::Error)?;
    String::from_utf8(json).map_err(|_| fmt::Error)
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
