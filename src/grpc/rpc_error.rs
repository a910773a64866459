//! The error of a call, and the gRPC status that it becomes.
//!
//! Every status carries the call's id, and one `ErrorInfo` whose reason is in the contract
//! ([error model](https://google.aip.dev/193)). The exception is a status of `tonic` itself
//! for which there is no reason, such as an unknown service in a health check. The retry delay is sent twice:
//! `RetryInfo` for application code, and the trailer `grpc-retry-pushback-ms` for stock
//! clients, which obey it
//! ([gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)). A
//! pushback beyond the caller's deadline would turn a refusal after 1 ms into a
//! `DEADLINE_EXCEEDED` after the whole deadline, so the trailer is then -1: do not retry.
//!
//! For example, a request is refused with a retry delay of 2.4 s. With 10 s of the
//! deadline left, the caller receives `RESOURCE_EXHAUSTED`, `QUOTA_EXHAUSTED`, RetryInfo
//! 2.4 s and the trailer `2400`. With 1 s left, the trailer is `-1`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt as _};

use super::reason::Reason;

/// The domain of every `ErrorInfo`.
const DOMAIN: &str = "livegate";

/// The trailer that stock clients obey: the retry delay in milliseconds, or -1.
const PUSHBACK_KEY: &str = "grpc-retry-pushback-ms";

/// The trailer with the encodings that a request may have
/// ([compression](https://github.com/grpc/grpc/blob/master/doc/compression.md)).
const ACCEPT_ENCODING_KEY: &str = "grpc-accept-encoding";

/// Bounds of the field violations in one status, and of the message about them.
const MAX_VIOLATIONS: usize = 16;
const MAX_VIOLATION_BYTES: usize = 2400;
const MAX_MESSAGE_CHARS: usize = 1000;

/// The error of a call, before it becomes a status.
#[derive(Debug)]
pub(super) struct RpcError {
    pub(super) code: Code,
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) retry: RetryHint,
    pub(super) metadata: HashMap<String, String>,
    pub(super) violations: Vec<FieldViolation>,
    pub(super) quota: Option<String>,
}

/// Whether a retry can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryHint {
    /// Yes, after this delay.
    After(Duration),
    /// No: stock clients receive a pushback of -1.
    Never,
    /// The code is enough.
    Unspecified,
}

impl RpcError {
    pub(super) fn new(code: Code, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            retry: RetryHint::Unspecified,
            metadata: HashMap::new(),
            violations: Vec::new(),
            quota: None,
        }
    }

    pub(super) fn retry(mut self, retry: RetryHint) -> Self {
        self.retry = retry;
        self
    }

    /// Replaces the reason, which decides the fault, and the message.
    pub(super) fn attribute(self, reason: Reason, message: &impl ToString) -> Self {
        Self { reason, ..self }.with_message(message)
    }

    pub(super) fn with_message(self, message: &impl ToString) -> Self {
        let message = message.to_string();
        Self { message, ..self }
    }

    /// Adds an entry to the metadata of the `ErrorInfo`.
    pub(super) fn with(mut self, key: &str, value: &impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// The violations of a request, cut to the bounds: details are sent as headers, of
    /// which clients read 8 KiB.
    pub(super) fn invalid(mut violations: Vec<FieldViolation>) -> Self {
        let total = violations.len();
        violations.truncate(count_within_bounds(&violations));
        let omitted = total - violations.len();
        let text = |v: &FieldViolation| format!("{}: {}", v.field, v.description);
        let all = violations.iter().map(text).collect::<Vec<_>>().join("; ");
        let mut message: String = all.chars().take(MAX_MESSAGE_CHARS).collect();
        if omitted > 0 {
            message.push_str(&format!("; and {omitted} more"));
        }
        let mut error = Self::new(Code::InvalidArgument, Reason::InvalidRequest, message);
        error.violations = violations;
        error
    }

    /// A request with one violation.
    pub(super) fn invalid_field(field: &str, problem: &str) -> Self {
        Self::invalid(vec![FieldViolation::new(field, problem)])
    }

    /// The deadline passed at any point of the call.
    pub(super) fn deadline_exceeded() -> Self {
        let message = "the deadline passed before the call was answered";
        Self::new(Code::DeadlineExceeded, Reason::DeadlineExceeded, message)
    }

    /// A bug in Livegate.
    pub(super) fn internal() -> Self {
        Self::new(
            Code::Internal,
            Reason::Internal,
            "internal error, search the logs for the call id",
        )
    }

    /// Maps an error that `tonic` itself returned.
    pub(super) fn from_tonic(status: &Status) -> Self {
        let message = status.message();
        match status.code() {
            // The code for a message that is too large.
            Code::OutOfRange => {
                // The text of `tonic` has the length and the limit.
                let message = format!("the message is too large: {message}");
                Self::new(Code::ResourceExhausted, Reason::MessageTooLarge, message)
                    .retry(RetryHint::Never)
            }
            // Livegate's own internal errors have details: this is a decoding error.
            Code::Internal => Self::new(Code::InvalidArgument, Reason::InvalidRequest, message),
            Code::Unimplemented if message.is_empty() => {
                let message = "unknown method";
                Self::new(Code::Unimplemented, Reason::MethodNotFound, message)
            }
            // The request is compressed.
            Code::Unimplemented => {
                Self::new(Code::Unimplemented, Reason::CompressionUnsupported, message)
            }
            code => {
                let error = Self::new(code, Reason::Bare(code), message);
                // Stock clients retry these codes unless a pushback forbids it.
                if matches!(code, Code::ResourceExhausted | Code::Unavailable) {
                    error.retry(RetryHint::Never)
                } else {
                    error
                }
            }
        }
    }

    /// Returns the status for a caller that waits for at most `patience`, or without a limit.
    pub(super) fn into_status(self, call_id: &str, patience: Option<Duration>) -> Status {
        let mut details = ErrorDetails::new();
        if self.reason.is_named() {
            details.set_error_info(self.reason.as_str(), DOMAIN, self.metadata);
        }
        details.set_request_info(call_id, "");
        if !self.violations.is_empty() {
            details.set_bad_request(self.violations);
        }
        if let Some(subject) = self.quota {
            details.set_quota_failure(vec![QuotaViolation::new(subject, self.message.clone())]);
        }
        let mut trailers = MetadataMap::new();
        if self.reason == Reason::CompressionUnsupported {
            trailers.insert(ACCEPT_ENCODING_KEY, MetadataValue::from_static("identity"));
        }
        let pushback = match self.retry {
            RetryHint::Unspecified => None,
            RetryHint::Never => Some(-1),
            RetryHint::After(wait) => {
                details.set_retry_info(Some(wait));
                let fits = patience.is_none_or(|patience| wait < patience);
                Some(if fits {
                    i64::try_from(wait.as_millis()).unwrap_or(-1)
                } else {
                    -1
                })
            }
        };
        if let Some(millis) = pushback {
            trailers.insert(PUSHBACK_KEY, MetadataValue::from(millis));
        }
        let mut status =
            Status::with_error_details_and_metadata(self.code, self.message, details, trailers);
        // The middleware reads the reason for the metrics.
        status.set_source(Arc::new(self.reason));
        status
    }
}

/// Returns how many of `violations`, from the first on, are within the bounds.
fn count_within_bounds(violations: &[FieldViolation]) -> usize {
    let mut bytes = 0;
    let fits = |violation: &&FieldViolation| {
        bytes += violation.field.len() + violation.description.len();
        bytes <= MAX_VIOLATION_BYTES
    };
    let first = violations.iter().take(MAX_VIOLATIONS);
    first.take_while(fits).count()
}
