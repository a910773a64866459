//! Repeats: a client may repeat a call only if that cannot create a second session.

use std::time::Duration;

use livegate::session::RequestIdRequirement;
use livegate::upstream::{UpstreamError, UpstreamErrorKind as Kind};
use tonic::Code;
use uuid::Uuid;

use crate::harness::aws::{Step, fails, fails_with, never_answers};
use crate::harness::pipes::{Livegate, Setup, count, quota};
use crate::harness::status::CallStatus;

/// After these, AWS may have created the session.
const UNKNOWN_OUTCOMES: [Kind; 4] = [
    Kind::Internal,
    Kind::Unavailable,
    Kind::Timeout,
    Kind::InvalidResponse,
];

/// Returns the status of a call with this request id, whose attempts take these steps.
async fn failed_call(request_id: &str, steps: Vec<Step>) -> CallStatus {
    let mut setup = Setup::default();
    setup.retry.max_attempts = count(u32::try_from(steps.len()).unwrap());
    let livegate = Livegate::with(setup).await;
    livegate.aws.plan(steps);
    let caller = livegate.caller().within(Duration::from_secs(5));
    caller.repeat(request_id).await.unwrap_err()
}

fn must_not_be_repeated(status: &CallStatus) -> bool {
    let is_unknown = status.metadata.get("outcome").map(String::as_str) == Some("unknown");
    let is_final = (status.retry_after, status.pushback) == (None, Some(-1));
    assert_eq!(is_unknown, is_final, "{status:?}");
    is_unknown
}

#[tokio::test(start_paused = true)]
async fn a_call_without_request_id_is_not_repeated_if_aws_may_have_created_a_session() {
    for kind in UNKNOWN_OUTCOMES {
        let status = failed_call("", vec![fails(kind)]).await;
        assert_eq!(status.code, Code::Unavailable);
        assert!(must_not_be_repeated(&status), "{status:?}");
        assert!(status.message.contains("request_id"), "{status:?}");
    }
    let unknown_code = UpstreamError {
        http_status: Some(503),
        ..UpstreamError::bare(Kind::Unknown)
    };
    let status = failed_call("", vec![fails_with(unknown_code)]).await;
    assert!(must_not_be_repeated(&status), "{status:?}");
    let status = failed_call("", vec![never_answers()]).await;
    assert_eq!(status.code, Code::DeadlineExceeded);
    assert!(must_not_be_repeated(&status), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn any_attempt_with_an_unknown_outcome_counts_not_only_the_last() {
    for last in [Kind::Throttled, Kind::Credentials, Kind::AccessDenied] {
        let status = failed_call("", vec![fails(Kind::Timeout), fails(last)]).await;
        assert!(must_not_be_repeated(&status), "{last:?} {status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_request_id_is_repeated() {
    for kind in UNKNOWN_OUTCOMES {
        let id = Uuid::new_v4().to_string();
        let status = failed_call(&id, vec![fails(kind)]).await;
        assert!(!must_not_be_repeated(&status), "{status:?}");
        assert_eq!(status.pushback, Some(1000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_request_id_is_repeated_if_aws_created_no_session() {
    let status = failed_call("", vec![fails(Kind::Throttled)]).await;
    assert!(!must_not_be_repeated(&status), "{status:?}");
    assert_eq!(status.pushback, Some(1000));
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    let caller = livegate.caller().within(Duration::from_secs(5));
    caller.create().await.unwrap();
    let status = caller.create().await.unwrap_err();
    assert_eq!(status.reason, "QUOTA_EXHAUSTED");
    assert!(!must_not_be_repeated(&status), "{status:?}");
    assert!(status.retry_after.is_some());
}

#[tokio::test(start_paused = true)]
async fn operators_can_require_a_request_id() {
    let livegate = Livegate::with(Setup {
        request_id_requirement: RequestIdRequirement::Required,
        ..Setup::default()
    })
    .await;
    let status = livegate.caller().create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_eq!(status.fields(), ["request_id"]);
    assert!(livegate.aws.attempts().is_empty());
    let id = Uuid::now_v7().to_string();
    livegate.caller().repeat(&id).await.unwrap();
}
