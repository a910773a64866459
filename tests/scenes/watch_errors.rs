//! Errors of polls: those that end the watches of a session, and those that do not.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use livegate::auth::policy::{Authorizer, DefaultPermission, Policy};
use livegate::grpc::v1;
use livegate::model::{CallerId, Deadline, SessionId, SessionStatus};
use livegate::retry::RetryPolicy;
use livegate::session::{
    ImageBytes, Progress, ResultReader, ResultRequest, SessionError, TokenRequirement,
};
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::time::Instant;
use tonic::Code;

use super::watches::{ID, failure, next, request, step};
use crate::harness::aws::{Aws, fails};
use crate::harness::pipes::{Livegate, Setup, reader};
use crate::harness::tokens::{Owner, keys};

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
async fn an_error_that_may_be_over_ends_a_watch_only_if_the_next_poll_fails_alike() {
    for (kind, expected) in [
        (Kind::Credentials, (Code::Internal, "UPSTREAM_CREDENTIALS")),
        (Kind::Unknown, (Code::Unknown, "UPSTREAM_UNKNOWN")),
        (
            Kind::AccessDenied,
            (Code::PermissionDenied, "UPSTREAM_ACCESS_DENIED"),
        ),
    ] {
        let livegate = Livegate::start().await;
        livegate.aws.plan([
            fails(kind),
            step(SessionStatus::Created),
            fails(kind),
            step(SessionStatus::InProgress),
            fails(kind),
            fails(Kind::Unavailable),
            fails(kind),
        ]);
        let mut states = livegate.caller().watch(request()).await.unwrap();
        assert_eq!(next(&mut states).await.status(), v1::SessionStatus::Created);
        let second = next(&mut states).await.status();
        assert_eq!(second, v1::SessionStatus::InProgress, "{kind:?}");
        let status = failure(&mut states).await;
        assert_eq!(status.code_and_reason(), expected);
        assert_eq!(livegate.aws.reads().len(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_may_be_over_is_followed_by_a_poll_soon() {
    let livegate = Livegate::start().await;
    livegate
        .aws
        .plan([fails(Kind::Credentials), step(SessionStatus::Created)]);
    // A session that is polled once a minute.
    let expire_time = wall_clock() + Duration::from_secs(80);
    let old = v1::WatchSessionRequest {
        result_token: Owner::of(ID).token_by(&keys(), expire_time),
        ..request()
    };
    let start = Instant::now();
    let mut states = livegate.caller().watch(old).await.unwrap();
    assert_eq!(next(&mut states).await.status(), v1::SessionStatus::Created);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[expect(clippy::disallowed_methods, reason = "tokens expire by the wall clock")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[tokio::test(start_paused = true)]
async fn a_final_result_serves_reads_although_a_poll_for_its_images_has_failed() {
    let livegate = Livegate::start().await;
    let read = || v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        result_token: Owner::of(ID).token(),
        ..Default::default()
    };
    livegate
        .aws
        .plan([step(SessionStatus::Succeeded), fails(Kind::SessionNotFound)]);
    livegate.caller().result(read()).await.unwrap();
    let with_images = v1::WatchSessionRequest {
        include_images: true,
        ..request()
    };
    let mut states = livegate.caller().watch(with_images).await.unwrap();
    assert_eq!(failure(&mut states).await.code, Code::NotFound);
    let (result, served) = livegate.caller().served(read()).await.unwrap();
    let expected = (v1::SessionStatus::Succeeded, "cached");
    assert_eq!((result.status(), served.as_str()), expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_the_watches_that_wait_for_the_poll_and_no_later_one() {
    let (reader, aws) = scripted_reader();
    let request = result_request(&allow_all());
    aws.plan([fails(Kind::SessionNotFound)]);
    // A client that reads slowly: its watch has not received the error yet.
    let _slow = reader.watch(&request).unwrap();
    let mut ended = reader.watch(&request).unwrap();
    let error = ended.next(&mut Progress::default()).await.unwrap_err();
    assert!(matches!(error, SessionError::Upstream(_)), "{error:?}");
    aws.plan([step(SessionStatus::Succeeded)]);
    let mut later = reader.watch(&request).unwrap();
    let state = later.next(&mut Progress::default()).await.unwrap();
    assert_eq!(state.result.status, SessionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_receives_the_final_result_although_a_later_poll_has_failed() {
    let (reader, aws) = scripted_reader();
    aws.plan([step(SessionStatus::Succeeded), fails(Kind::SessionNotFound)]);
    let mut slow = reader.watch(&result_request(&allow_all())).unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(aws.reads().len() > 1, "a poll has failed");
    let state = slow.next(&mut Progress::default()).await.unwrap();
    assert_eq!(state.result.status, SessionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_watch_for_images_that_aws_does_not_return_ends_with_the_known_result() {
    let (reader, aws) = scripted_reader();
    aws.plan([step(SessionStatus::Succeeded)]);
    aws.plan((0..200).map(|_| fails(Kind::Unavailable)));
    let request = result_request(&allow_all());
    reader
        .read(&request, &mut Progress::default())
        .await
        .unwrap();
    let with_images = ResultRequest {
        image_bytes: ImageBytes::Included,
        deadline: Deadline::after(Instant::now(), Duration::from_secs(200)),
        ..request
    };
    let mut watch = reader.watch(&with_images).unwrap();
    let state = watch.next(&mut Progress::default()).await.unwrap();
    assert_eq!(state.result.status, SessionStatus::Succeeded, "not EXPIRED");
}

/// Returns a reader that needs no tokens, and its AWS.
pub(super) fn scripted_reader() -> (ResultReader<Aws>, Arc<Aws>) {
    let setup = Setup {
        token_requirement: TokenRequirement::Optional,
        ..Setup::default()
    };
    let retry = Arc::new(RetryPolicy::new(&setup.retry));
    (reader(&setup.aws, &setup, &retry), setup.aws)
}

pub(super) fn allow_all() -> Authorizer {
    Authorizer::new(Policy::default(), DefaultPermission::Allow)
}

pub(super) fn result_request(authorizer: &Authorizer) -> ResultRequest {
    ResultRequest {
        permissions: authorizer.permissions(&CallerId::anonymous()),
        caller: CallerId::anonymous(),
        subject: None,
        session: SessionId::parse(ID).unwrap(),
        token: None,
        image_bytes: ImageBytes::Omitted,
        minimum_confidence: None,
        deadline: Deadline::after(Instant::now(), Duration::from_secs(60)),
    }
}
