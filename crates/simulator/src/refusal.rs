//! An error that AWS answers, before it is bytes.

use super::operation::Operation;

/// An error with AWS's code, answered in AWS's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) message: String,
}

impl Refusal {
    /// A refusal with HTTP 400, as nearly all of AWS's are.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            status: 400,
            message: message.into(),
        }
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// JSON of the wrong kind: AWS's words, and the member besides.
    pub(super) fn wrong_type(what: &str, path: &str) -> Self {
        Self::new("SerializationException", format!("{what} (at '{path}')"))
    }

    pub(super) fn unknown_operation() -> Self {
        let known = [Operation::Create, Operation::Results]
            .map(Operation::aws_name)
            .join(", ");
        Self::new(
            "UnknownOperationException",
            format!("unknown operation; this simulator knows {known} with AWS JSON 1.1"),
        )
    }
}
