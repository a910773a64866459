//! The mapping of AWS's errors: for each response of the simulator, the code and reason
//! that the caller receives, and the number of attempts.

use tonic::Code;

use super::process::{Process, at_once};
use crate::harness::status::CallStatus;

/// Injects `fault` into every call, and returns the error of a create and its attempts.
async fn create_with(process: &Process, fault: &str) -> (CallStatus, u64) {
    process.inject(&format!("create:{fault}**"));
    let error = process.caller().create().await.unwrap_err();
    (error, process.simulator.stats().create.calls)
}

async fn check(rows: &[(&str, Code, &str, u64)]) {
    let set = ["retry.max_attempts=2", "upstream.attempt_timeout=500ms"];
    let process = Process::start(at_once(), &set).await;
    for (fault, code, reason, calls) in rows {
        let (error, attempts) = create_with(&process, fault).await;
        assert_eq!(
            (error.code_and_reason(), attempts),
            ((*code, *reason), *calls),
            "{fault}"
        );
    }
    process.shut_down().await;
}

#[tokio::test]
#[rustfmt::skip]
async fn transient_errors_are_retried() {
    check(&[
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
        ("html/302", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/407", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/408", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/421", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/425", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
        ("html/511", Code::Unavailable, "UPSTREAM_UNAVAILABLE", 2),
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
async fn an_invalid_response_is_an_error() {
    check(&[
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
async fn permanent_errors_are_not_retried() {
    check(&[
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
    ])
    .await;
}

#[tokio::test]
#[rustfmt::skip]
async fn rejected_credentials_are_refreshed_and_retried_once() {
    check(&[
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
async fn the_details_of_aws_reach_the_caller() {
    let process = Process::start(at_once(), &[]).await;
    let (unknown, _) = create_with(&process, "Never.Seen/418").await;
    assert_eq!(unknown.metadata["aws_code"], "Never.Seen");
    assert_eq!(unknown.metadata["aws_message"], "simulated fault");
    assert_eq!(unknown.metadata["http_status"], "418");
    assert_eq!(unknown.metadata["aws_request_id"].len(), 36);
    let (no_message, _) = create_with(&process, "AccessDeniedException/400+no-message").await;
    assert_eq!(no_message.metadata.get("aws_message"), None);
    assert_eq!(no_message.metadata["aws_code"], "AccessDeniedException");
    let (html, _) = create_with(&process, "html/400").await;
    assert!(
        !html.message.contains('<'),
        "a proxy's page is not passed on: {html:?}"
    );
    assert_eq!(html.metadata.get("aws_code"), None);
    assert_eq!(
        html.metadata["outcome"], "unknown",
        "AWS may have created it"
    );
    assert_eq!(no_message.metadata.get("outcome"), None, "AWS refused it");
    process.shut_down().await;
}

#[tokio::test]
async fn the_retry_delay_of_aws_is_passed_on_in_milliseconds() {
    let process = Process::start(at_once(), &["retry.max_attempts=1"]).await;
    let (error, _) = create_with(&process, "ThrottlingException/400+retry-after/750ms").await;
    assert_eq!(error.retry_after.unwrap().as_millis(), 750);
    assert_eq!(error.pushback, Some(750));
    process.shut_down().await;
}
