//! The messages that the simulator sends on a stream.

use serde_json::{Value, json};

use crate::event_stream;

const JSON: (&str, &str) = (":content-type", "application/json");

/// A message of the simulator, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamMessage(pub(crate) Vec<u8>);

impl StreamMessage {
    pub(crate) fn event(name: &str, document: &Value) -> Self {
        let headers = [(":message-type", "event"), (":event-type", name), JSON];
        Self(event_stream::encode(
            &headers,
            document.to_string().as_bytes(),
        ))
    }

    pub(crate) fn exception(code: &str, message: &str) -> Self {
        let headers = [
            (":message-type", "exception"),
            (":exception-type", code),
            JSON,
        ];
        let document = json!({"Message": message, "Code": code});
        Self(event_stream::encode(
            &headers,
            document.to_string().as_bytes(),
        ))
    }

    /// Returns the event after which a client reports the check as complete.
    pub(crate) fn disconnection(unix_millis: i64) -> Self {
        Self::event(
            "DisconnectionEvent",
            &json!({"TimestampMillis": unix_millis}),
        )
    }

    /// Changes the checksum at the end.
    pub(crate) fn with_wrong_checksum(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            *last ^= 1;
        }
        self
    }
}
