//! Errors from AWS: the code and reason of each, and whether it is retried.

use std::time::Duration;

use livegate::upstream::{UpstreamError, UpstreamErrorKind as Kind};
use tonic::Code;

use crate::harness::aws::fails_with;
use crate::harness::pipes::{Livegate, Setup, count};
use crate::harness::status::CallStatus;

/// The expected handling of one kind of error.
struct Row {
    code: Code,
    reason: &'static str,
    then: Then,
}

/// Whether an error is retried.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// Livegate retries, and the caller gets a retry delay.
    Retry,
    /// Livegate retries once, and the caller gets no retry delay.
    Refresh,
    /// No retry, and a pushback of -1 stops gRPC clients.
    Never,
    /// No retry. gRPC clients do not retry the code, so there is no pushback.
    NoHint,
}

const KINDS: [Kind; 12] = [
    Kind::Throttled,
    Kind::QuotaExceeded,
    Kind::Internal,
    Kind::Unavailable,
    Kind::Timeout,
    Kind::InvalidResponse,
    Kind::InvalidParameter,
    Kind::AccessDenied,
    Kind::Credentials,
    Kind::SessionNotFound,
    Kind::RequestConflict,
    Kind::Unknown,
];

#[rustfmt::skip]
fn row(kind: Kind) -> Row {
    let (code, reason, then) = match kind {
        Kind::Throttled => (Code::ResourceExhausted, "UPSTREAM_THROTTLED", Then::Retry),
        Kind::QuotaExceeded => (Code::ResourceExhausted, "UPSTREAM_QUOTA_EXCEEDED", Then::Never),
        Kind::Internal => (Code::Unavailable, "UPSTREAM_INTERNAL", Then::Retry),
        Kind::Unavailable => (Code::Unavailable, "UPSTREAM_UNAVAILABLE", Then::Retry),
        Kind::Timeout => (Code::Unavailable, "UPSTREAM_TIMEOUT", Then::Retry),
        Kind::InvalidResponse => (Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", Then::Retry),
        Kind::InvalidParameter => (Code::InvalidArgument, "UPSTREAM_INVALID_PARAMETER", Then::NoHint),
        Kind::AccessDenied => (Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED", Then::NoHint),
        Kind::Credentials => (Code::Internal, "UPSTREAM_CREDENTIALS", Then::Refresh),
        Kind::SessionNotFound => (Code::NotFound, "SESSION_NOT_FOUND", Then::NoHint),
        Kind::RequestConflict => (Code::AlreadyExists, "REQUEST_ID_CONFLICT", Then::NoHint),
        Kind::Unknown => (Code::Unknown, "UPSTREAM_UNKNOWN", Then::NoHint),
    };
    Row { code, reason, then }
}

/// Returns the status of a call with a request id for which AWS always fails, and the number
/// of attempts.
async fn failed_call(error: &UpstreamError) -> (CallStatus, usize) {
    let mut setup = Setup::default();
    setup.retry.max_attempts = count(3);
    let livegate = Livegate::with(setup).await;
    livegate.aws.plan((0..3).map(|_| fails_with(error.clone())));
    let id = uuid::Uuid::new_v4().to_string();
    let status = livegate.caller().repeat(&id).await.unwrap_err();
    (status, livegate.aws.attempts().len())
}

#[tokio::test(start_paused = true)]
async fn each_error_has_its_code_reason_and_number_of_attempts() {
    for kind in KINDS {
        let (status, attempts) = failed_call(&UpstreamError::bare(kind)).await;
        let row = row(kind);
        assert_eq!(status.code_and_reason(), (row.code, row.reason), "{kind:?}");
        let expected = match row.then {
            Then::Retry => 3,
            Then::Refresh => 2,
            Then::Never | Then::NoHint => 1,
        };
        assert_eq!(attempts, expected, "{kind:?}");
        assert_eq!(status.metadata["caller"], "anonymous", "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_error_has_its_retry_delay_and_pushback() {
    for kind in KINDS {
        for delay in [None, Some(Duration::from_millis(700))] {
            let error = UpstreamError {
                retry_after: delay,
                ..UpstreamError::bare(kind)
            };
            let (status, _) = failed_call(&error).await;
            let wait = delay.unwrap_or(Duration::from_secs(1));
            let expected = match row(kind).then {
                Then::Retry => (Some(wait), Some(wait.as_millis() as i64)),
                Then::Never => (None, Some(-1)),
                Then::Refresh | Then::NoHint => (None, None),
            };
            assert_eq!(
                (status.retry_after, status.pushback),
                expected,
                "{kind:?} {delay:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_from_aws_is_in_the_message_and_in_the_metadata() {
    let error = UpstreamError {
        code: Some("BrandNewException".to_owned()),
        message: Some("never heard of".to_owned()),
        aws_request_id: Some("f00d".to_owned()),
        http_status: Some(418),
        ..UpstreamError::bare(Kind::Unknown)
    };
    let (status, attempts) = failed_call(&error).await;
    assert_eq!(
        (status.code_and_reason(), attempts),
        ((Code::Unknown, "UPSTREAM_UNKNOWN"), 1)
    );
    assert!(
        status.message.contains("BrandNewException: never heard of"),
        "{status:?}"
    );
    for (key, value) in [
        ("aws_code", "BrandNewException"),
        ("aws_message", "never heard of"),
        ("aws_request_id", "f00d"),
        ("http_status", "418"),
    ] {
        assert_eq!(status.metadata[key], value);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_role_is_not_attributed_to_the_caller() {
    let (status, _) = failed_call(&UpstreamError::bare(Kind::AccessDenied)).await;
    assert!(status.message.contains("Livegate's role"), "{status:?}");
    assert!(status.message.contains("not the caller"), "{status:?}");
}
