//! The table of AWS's errors: what each is to a caller, and whether it is tried again.

use std::time::Duration;

use livegate::upstream::{UpstreamError, UpstreamErrorKind as Kind};
use tonic::Code;

use crate::harness::aws::fails_with;
use crate::harness::pipes::{Livegate, Setup, count};
use crate::harness::status::Told;

/// One line of the table.
struct Row {
    code: Code,
    reason: &'static str,
    then: Then,
}

/// What a failure means for another try.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// We try, and tell the caller to come back.
    Retry,
    /// We try once more, and say nothing to the caller.
    Refresh,
    /// Nobody tries again, and stock clients are told so.
    Never,
    /// Nobody tries again; the code says as much.
    DefaultPermission,
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
        Kind::InvalidParameter => (Code::InvalidArgument, "UPSTREAM_INVALID_PARAMETER", Then::DefaultPermission),
        Kind::AccessDenied => (Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED", Then::DefaultPermission),
        Kind::Credentials => (Code::Internal, "UPSTREAM_CREDENTIALS", Then::Refresh),
        Kind::SessionNotFound => (Code::NotFound, "SESSION_NOT_FOUND", Then::DefaultPermission),
        Kind::RequestConflict => (Code::AlreadyExists, "REQUEST_ID_CONFLICT", Then::DefaultPermission),
        Kind::Unknown => (Code::Unknown, "UPSTREAM_UNKNOWN", Then::DefaultPermission),
    };
    Row { code, reason, then }
}

/// What the caller is told where AWS fails so each time, and in how many attempts.
async fn told(error: &UpstreamError) -> (Told, usize) {
    let mut setup = Setup::default();
    setup.retry.max_attempts = count(3);
    let livegate = Livegate::with(setup).await;
    livegate.aws.will((0..3).map(|_| fails_with(error.clone())));
    let told = livegate.caller().create().await.unwrap_err();
    (told, livegate.aws.attempts().len())
}

#[tokio::test(start_paused = true)]
async fn each_failure_has_its_code_reason_and_number_of_attempts() {
    for kind in KINDS {
        let (told, attempts) = told(&UpstreamError::bare(kind)).await;
        let row = row(kind);
        assert_eq!(told.what(), (row.code, row.reason), "{kind:?}");
        let expected = match row.then {
            Then::Retry => 3,
            Then::Refresh => 2,
            Then::Never | Then::DefaultPermission => 1,
        };
        assert_eq!(attempts, expected, "{kind:?}");
        assert_eq!(told.metadata["caller"], "anonymous", "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_says_whether_to_come_back_and_when() {
    for kind in KINDS {
        for hint in [None, Some(Duration::from_millis(700))] {
            let error = UpstreamError {
                retry_after: hint,
                ..UpstreamError::bare(kind)
            };
            let (told, _) = told(&error).await;
            let wait = hint.unwrap_or(Duration::from_secs(1));
            let expected = match row(kind).then {
                Then::Retry => (Some(wait), Some(wait.as_millis() as i64)),
                Then::Never => (None, Some(-1)),
                Then::Refresh | Then::DefaultPermission => (None, None),
            };
            assert_eq!(
                (told.retry_after, told.pushback),
                expected,
                "{kind:?} {hint:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_said_is_in_the_message_and_in_the_metadata() {
    let error = UpstreamError {
        code: Some("BrandNewException".to_owned()),
        message: Some("never heard of".to_owned()),
        aws_request_id: Some("f00d".to_owned()),
        http_status: Some(418),
        ..UpstreamError::bare(Kind::Unknown)
    };
    let (told, attempts) = told(&error).await;
    assert_eq!(
        (told.what(), attempts),
        ((Code::Unknown, "UPSTREAM_UNKNOWN"), 1)
    );
    assert!(
        told.message.contains("BrandNewException: never heard of"),
        "{told:?}"
    );
    for (key, value) in [
        ("aws_code", "BrandNewException"),
        ("aws_message", "never heard of"),
        ("aws_request_id", "f00d"),
        ("http_status", "418"),
    ] {
        assert_eq!(told.metadata[key], value);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_our_role_does_not_blame_the_caller() {
    let (told, _) = told(&UpstreamError::bare(Kind::AccessDenied)).await;
    assert!(told.message.contains("Livegate's role"), "{told:?}");
    assert!(told.message.contains("not the caller"), "{told:?}");
}
