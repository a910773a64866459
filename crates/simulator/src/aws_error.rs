//! An error response of AWS, before it is serialized.

use super::operation::Operation;

/// An error with AWS's code, HTTP status and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AwsError {
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) message: String,
}

impl AwsError {
    /// Returns an error with HTTP status 400, which most errors of AWS have.
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

    /// Returns the error of the streaming operation for a request or event that is invalid.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// Returns the error for a member of the wrong JSON type: AWS's message, with the
    /// path of the member added.
    pub(super) fn wrong_type(message: &str, path: &str) -> Self {
        Self::new("SerializationException", format!("{message} (at '{path}')"))
    }

    pub(super) fn unknown_operation() -> Self {
        let supported = [Operation::Create, Operation::Results]
            .map(Operation::aws_name)
            .join(", ");
        Self::new(
            "UnknownOperationException",
            format!("unknown operation: the simulator supports {supported} with AWS JSON 1.1"),
        )
    }
}
