//! A failed call: the status of the service and its details.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status, TimeoutExpired};
use tonic_types::StatusExt as _;

/// A call failed: in the service, on the connection, or at its deadline.
///
/// A failure on this side of the connection has a code and a message alone. A token
/// file that cannot be read is `UNAUTHENTICATED`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError {
    /// The gRPC code.
    pub code: Code,
    /// The reason in `ErrorInfo`; empty without one.
    pub reason: String,
    /// The message for people.
    pub message: String,
    /// The fields of the request that are not valid.
    pub violations: Vec<FieldViolation>,
    /// The delay in `RetryInfo`: when to retry.
    pub retry_after: Option<Duration>,
    /// The id of the call in the service's logs.
    pub call_id: Option<String>,
}

/// A field of the request that is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field, as in `settings.audit_images_limit`.
    pub field: String,
    /// The constraint that its value violates.
    pub description: String,
}

impl ClientError {
    /// Returns the code as the specification writes it, as in `RESOURCE_EXHAUSTED`.
    #[must_use]
    pub fn code_name(&self) -> &'static str {
        match self.code {
            Code::Ok => "OK",
            Code::Cancelled => "CANCELLED",
            Code::Unknown => "UNKNOWN",
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::NotFound => "NOT_FOUND",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::PermissionDenied => "PERMISSION_DENIED",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::Aborted => "ABORTED",
            Code::OutOfRange => "OUT_OF_RANGE",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::Internal => "INTERNAL",
            Code::Unavailable => "UNAVAILABLE",
            Code::DataLoss => "DATA_LOSS",
            Code::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

impl Error for ClientError {}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code_name())?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let violations = details.bad_request().map(|bad| &bad.field_violations);
        let violation = |violation: &tonic_types::FieldViolation| FieldViolation {
            field: violation.field.clone(),
            description: violation.description.clone(),
        };
        Self {
            code: status.code(),
            reason: details
                .error_info()
                .map(|info| info.reason.clone())
                .unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations.into_iter().flatten().map(violation).collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            call_id: details.request_info().map(|info| info.request_id.clone()),
        }
    }
}

pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("deadline expired before the service responded")
}

/// Tonic's own timer, which also runs to the deadline, fails with `CANCELLED`.
pub(crate) fn is_local_timeout(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn every_detail_of_a_status_is_in_the_error() {
        let mut details = ErrorDetails::with_error_info("INVALID_REQUEST", "livegate", []);
        details.add_bad_request_violation("request_id", "must be a UUID");
        details.add_bad_request_violation("subject", "must be 0 to 128 characters");
        details.set_retry_info(Some(Duration::from_millis(250)));
        details.set_request_info("a1", "");
        let status = Status::with_error_details(Code::InvalidArgument, "two fields", details);
        let error = ClientError::from(status);
        assert_eq!(
            error.to_string(),
            "INVALID_ARGUMENT INVALID_REQUEST: two fields"
        );
        let violations = error
            .violations
            .iter()
            .map(|one| (&*one.field, &*one.description));
        assert_eq!(
            violations.collect::<Vec<_>>(),
            [
                ("request_id", "must be a UUID"),
                ("subject", "must be 0 to 128 characters")
            ]
        );
        assert_eq!(error.retry_after, Some(Duration::from_millis(250)));
        assert_eq!(error.call_id.as_deref(), Some("a1"));
    }

    #[test]
    fn a_status_without_readable_details_has_a_code_and_a_message() {
        let details = b"not a google.rpc.Status".as_slice().into();
        let garbled = Status::with_details(Code::Unavailable, "refused", details);
        for status in [Status::unavailable("refused"), garbled] {
            let error = ClientError::from(status);
            assert_eq!(error.to_string(), "UNAVAILABLE: refused");
            let expected = ClientError {
                code: Code::Unavailable,
                reason: String::new(),
                message: "refused".to_owned(),
                violations: Vec::new(),
                retry_after: None,
                call_id: None,
            };
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_timeout_of_tonic_is_distinguished_from_a_call_that_the_service_cancelled() {
        let local = Status::from_error(Box::new(TimeoutExpired(())));
        assert_eq!(local.code(), Code::Cancelled);
        assert!(is_local_timeout(&local));
        assert!(!is_local_timeout(&Status::cancelled("Timeout expired")));
    }
}
