//! The messages that the simulator sends on a stream.

use serde_json::{Value, json};

use crate::aws_error::AwsError;
use crate::event_stream;
use crate::reply::default_message;

const JSON: (&str, &str) = (":content-type", "application/json");

/// A message of the simulator, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamMessage(pub(crate) Vec<u8>);

/// An exception, which refuses or ends a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamException {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl StreamException {
    /// Returns an exception with the message of AWS for its code. The codes of the other
    /// operations, which random faults have, get their names in the model of the stream.
    pub(crate) fn scripted(code: &str) -> Self {
        let code = match code {
            "InternalServerError" => "InternalServerException",
            "ServiceUnavailable" => "ServiceUnavailableException",
            "ProvisionedThroughputExceededException" => "ThrottlingException",
            code => code,
        };
        Self {
            code: code.to_owned(),
            message: default_message(code).to_owned(),
        }
    }
}

impl From<AwsError> for StreamException {
    fn from(error: AwsError) -> Self {
        Self {
            code: error.code.to_owned(),
            message: error.message,
        }
    }
}

impl StreamMessage {
    pub(crate) fn event(name: &str, document: &Value) -> Self {
        let headers = [(":message-type", "event"), (":event-type", name), JSON];
        Self(event_stream::encode(
            &headers,
            document.to_string().as_bytes(),
        ))
    }

    pub(crate) fn exception(exception: &StreamException) -> Self {
        let StreamException { code, message } = exception;
        let headers = [
            (":message-type", "exception"),
            (":exception-type", code.as_str()),
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
