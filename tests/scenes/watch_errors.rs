//! Errors of polls: those that end the watches of a session, and those that do not.

use std::sync::Arc;
use std::time::Duration;

use livegate::grpc::v1;
use livegate::model::{CallerId, Deadline, SessionId, SessionStatus};
use livegate::retry::RetryPolicy;
use livegate::session::{ImageBytes, Progress, ResultRequest, SessionError, TokenRequirement};
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::time::Instant;
use tonic::Code;

use super::watches::{ID, failure, next, request, step};
use crate::harness::aws::fails;
use crate::harness::pipes::{Livegate, Setup, reader};

#[tokio::test(start_paused = true)]
async fn a_transient_error_is_polled_again_and_a_final_one_ends_the_watch() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([
        fails(Kind::Unavailable),
        fails(Kind::Throttled),
        step(SessionStatus::Created),
        fails(Kind::SessionNotFound),
    ]);
    let mut states = livegate.caller().watch(request()).await.unwrap();
    assert_eq!(next(&mut states).await.status(), v1::SessionStatus::Created);
    let status = failure(&mut states).await;
    let expected = (Code::NotFound, "SESSION_NOT_FOUND");
    assert_eq!(status.code_and_reason(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_the_watches_that_wait_for_the_poll_and_no_later_one() {
    let setup = Setup {
        token_requirement: TokenRequirement::Optional,
        ..Setup::default()
    };
    let retry = Arc::new(RetryPolicy::new(&setup.retry));
    let reader = reader(&setup.aws, &setup, &retry);
    let request = ResultRequest {
        caller: CallerId::anonymous(),
        subject: None,
        session: SessionId::parse(ID).unwrap(),
        token: None,
        image_bytes: ImageBytes::Omitted,
        minimum_confidence: None,
        deadline: Deadline::after(Instant::now(), Duration::from_secs(60)),
    };
    setup.aws.plan([fails(Kind::AccessDenied)]);
    // A client that reads slowly: its watch has not received the error yet.
    let _slow = reader.watch(&request).unwrap();
    let mut ended = reader.watch(&request).unwrap();
    let error = ended.next(&mut Progress::default()).await.unwrap_err();
    assert!(matches!(error, SessionError::Upstream(_)), "{error:?}");
    setup.aws.plan([step(SessionStatus::Succeeded)]);
    let mut later = reader.watch(&request).unwrap();
    let state = later.next(&mut Progress::default()).await.unwrap();
    assert_eq!(state.result.status, SessionStatus::Succeeded);
}
