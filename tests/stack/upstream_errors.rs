//! Every row of the table of AWS's errors: the simulator answers so on the wire,
//! the caller sees that code and reason, and it was tried so often.

use tonic::Code;

use super::process::{Process, at_once};
use crate::harness::status::CallStatus;

/// Plays `fault` for ever, and says what became of a create and in how many calls.
async fn told(process: &Process, fault: &str) -> (CallStatus, u64) {
    process.play(&format!("create:{fault}**"));
    let told = process.caller().create().await.unwrap_err();
    (told, process.simulator.stats().create.calls)
}

async fn hold(rows: &[(&str, Code, &str, u64)]) {
    let set = ["retry.max_attempts=2", "upstream.attempt_timeout=500ms"];
    let process = Process::up(at_once(), &set).await;
    for (fault, code, reason, calls) in rows {
        let (told, called) = told(&process, fault).await;
        assert_eq!(
            (told.code_and_reason(), called),
            ((*code, *reason), *calls),
            "{fault}"
        );
    }
    process.leave().await;
}

#[tokio::test]
#[rustfmt::skip]
async fn what_passes_is_tried_again() {
    hold(&[
        ("ThrottlingException/400", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("ProvisionedThroughputExceededException/400", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("TooManyRequestsException/400", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("ThrottlingException/400+namespace", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("ThrottlingException/400+header-code", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("ThrottlingException/400+no-message", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("status/429", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("html/429", Code::ResourceExhausted, "UPSTREAM_THROTTLED", 2),
        ("ThrottlingException/500", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("InternalServerError/500", Code::Unavailable, "UPSTREAM_INTERNAL", 2),
        ("InternalFailure/500", Code::Unavailable, "UPSTREAM_INTERNAL", 2),
        ("status/500", Code::Unavailable, "UPSTREAM_INTERNAL", 2),
        ("ServiceUnavailable/503", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("ServiceUnavailableException/503+header-code+namespace", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("RequestTimeout/408", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/502", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/503", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("xml/503", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("empty/503", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("status/504", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("reset", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("lost-answer", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("hang", Code::Unavailable, "UPSTREAM_TIMEOUT", 2),
        ("delay/30s", Code::Unavailable, "UPSTREAM_TIMEOUT", 2),
    ])
    .await;
}

#[tokio::test]
#[rustfmt::skip]
async fn a_success_that_cannot_be_read_is_no_success() {
    hold(&[
        ("no-session-id/200", Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", 2),
        ("bad-session-id/200", Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", 2),
        ("empty/200", Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", 2),
        ("html/200", Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", 2),
        ("xml/200", Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", 2),
        ("cut-off/200", Code::Unavailable, "UPSTREAM_INVALID_RESPONSE", 2),
    ])
    .await;
}

#[tokio::test]
#[rustfmt::skip]
async fn what_would_come_to_the_same_is_not_tried_again() {
    hold(&[
        ("InvalidParameterException/400", Code::InvalidArgument, "UPSTREAM_INVALID_PARAMETER", 1),
        ("ValidationException/400", Code::InvalidArgument, "UPSTREAM_INVALID_PARAMETER", 1),
        ("AccessDeniedException/400", Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED", 1),
        ("AccessDeniedException/400+header-code+no-message", Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED", 1),
        ("status/403", Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED", 1),
        ("html/403", Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED", 1),
        ("SessionNotFoundException/400", Code::NotFound, "SESSION_NOT_FOUND", 1),
        ("IdempotentParameterMismatchException/400", Code::AlreadyExists, "REQUEST_ID_CONFLICT", 1),
        ("LimitExceededException/400", Code::ResourceExhausted, "UPSTREAM_QUOTA_EXCEEDED", 1),
        ("ServiceQuotaExceededException/400", Code::ResourceExhausted, "UPSTREAM_QUOTA_EXCEEDED", 1),
        ("SerializationException/400", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("UnknownOperationException/400", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("Never.Seen/503", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("status/404", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("xml/400", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("html/400", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("empty/400", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
        ("html/302", Code::Unknown, "UPSTREAM_UNKNOWN", 1),
    ])
    .await;
}

#[tokio::test]
#[rustfmt::skip]
async fn refused_credentials_are_renewed_and_tried_once() {
    hold(&[
        ("ExpiredTokenException/400", Code::Internal, "UPSTREAM_CREDENTIALS", 2),
        ("UnrecognizedClientException/400", Code::Internal, "UPSTREAM_CREDENTIALS", 2),
        ("InvalidSignatureException/400", Code::Internal, "UPSTREAM_CREDENTIALS", 2),
        ("MissingAuthenticationToken/403", Code::Internal, "UPSTREAM_CREDENTIALS", 2),
        ("IncompleteSignature/400", Code::Internal, "UPSTREAM_CREDENTIALS", 2),
        ("RequestExpired/400", Code::Internal, "UPSTREAM_CREDENTIALS", 2),
    ])
    .await;
}

#[tokio::test]
async fn what_aws_said_survives() {
    let process = Process::up(at_once(), &[]).await;
    let (odd, _) = told(&process, "Never.Seen/418").await;
    assert_eq!(odd.metadata["aws_code"], "Never.Seen");
    assert_eq!(odd.metadata["aws_message"], "simulated fault");
    assert_eq!(odd.metadata["http_status"], "418");
    assert_eq!(odd.metadata["aws_request_id"].len(), 36);
    let (silent, _) = told(&process, "AccessDeniedException/400+no-message").await;
    assert_eq!(silent.metadata.get("aws_message"), None);
    assert_eq!(silent.metadata["aws_code"], "AccessDeniedException");
    let (page, _) = told(&process, "html/400").await;
    assert!(
        !page.message.contains('<'),
        "a proxy's page is not passed on: {page:?}"
    );
    assert_eq!(page.metadata.get("aws_code"), None);
    process.leave().await;
}

#[tokio::test]
async fn what_aws_asks_to_wait_is_handed_on_in_milliseconds() {
    let process = Process::up(at_once(), &["retry.max_attempts=1"]).await;
    let (told, _) = told(&process, "ThrottlingException/400+retry-after/750ms").await;
    assert_eq!(told.retry_after.unwrap().as_millis(), 750);
    assert_eq!(told.pushback, Some(750));
    process.leave().await;
}
