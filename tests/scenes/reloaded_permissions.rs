//! Permissions that a reload changes while a call waits.

use std::time::Duration;

use livegate::auth::policy::{Permissions, Policy};
use livegate::grpc::v1;
use livegate::model::{MinimumConfidence, Operation, SessionStatus};
use livegate::session::{Progress, SessionError};
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::audit::AuditedLivegate;
use super::permissions::{profiles, stored_in, with_profile};
use super::read_result::full;
use super::watch_errors::{allow_all, result_request, scripted_reader};
use super::watches::{ID, next, request, step};
use crate::harness::aws::{answers, reads};
use crate::harness::fields::BUCKET;
use crate::harness::pipes::{Livegate, Setup, quota};
use crate::harness::status::CallStatus;
use crate::harness::tokens::Owner;

const SECOND: Duration = Duration::from_secs(1);

/// A policy in which every caller may use only `operation`.
fn only(operation: Operation) -> Policy {
    with(Permissions {
        allow: Some(vec![operation]),
        ..Permissions::default()
    })
}

fn with(permissions: Permissions) -> Policy {
    Policy {
        permissions: permissions.into(),
        profiles: profiles("new-images"),
    }
}

fn assert_refused(status: &CallStatus, field: &str) {
    let expected = (Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    assert_eq!(status.code_and_reason(), expected);
    assert_eq!(status.metadata["field"], field);
}

/// Returns a Livegate whose next create call waits five seconds for a quota token.
async fn without_quota() -> Livegate {
    let livegate = Livegate::with(Setup {
        quota: quota(0.2, 1),
        policy: Policy {
            profiles: profiles("old-images"),
            ..Policy::default()
        },
        ..Setup::default()
    })
    .await;
    livegate.caller().create().await.unwrap();
    livegate
}

/// Applies `policy` after a second, while `call` waits. Returns the output of the call, and
/// its duration.
async fn reloaded<T>(
    livegate: &Livegate,
    policy: Policy,
    call: impl Future<Output = T>,
) -> (T, Duration) {
    let start = Instant::now();
    let reload = async {
        sleep(SECOND).await;
        livegate.authorizer.apply(policy);
    };
    let timed = async { (call.await, start.elapsed()) };
    tokio::join!(timed, reload).0
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_caller_loses_the_permission() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    let livegate = &audited.livegate;
    livegate.aws.plan([
        step(SessionStatus::Created),
        step(SessionStatus::Created),
        reads(full()),
    ]);
    let owner = Owner {
        caller: "web",
        ..Owner::of(ID)
    };
    let with_images = v1::WatchSessionRequest {
        include_images: true,
        result_token: owner.token(),
        ..request()
    };
    let web = livegate.caller().named("web");
    let mut states = web.watch(with_images).await.unwrap();
    next(&mut states).await;
    let policy = only(Operation::Create);
    let (state, elapsed) = reloaded(livegate, policy, states.message()).await;
    assert_refused(&CallStatus::of(&state.unwrap_err()), "GetSessionResult");
    assert!(elapsed < 2 * SECOND, "before the next state: {elapsed:?}");
    let polls = livegate.aws.reads().len();
    sleep(30 * SECOND).await;
    assert_eq!(livegate.aws.reads().len(), polls, "it is polled no longer");
    let lines = audited.lines().await;
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str()).collect();
    assert_eq!(events, [Some("session_read"), Some("refused")]);
    assert_eq!(lines[1]["operation"], "WatchSession");
    assert_eq!(lines[1]["code"], "PERMISSION_DENIED");
    assert_eq!(lines[1]["reason"], "CALLER_NOT_ALLOWED");
    assert_eq!(lines[1]["session_digest"], lines[0]["session_digest"]);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_there_is_not_delivered_after_the_reload() {
    let (reader, aws) = scripted_reader();
    let authorizer = allow_all();
    aws.plan([step(SessionStatus::Created), step(SessionStatus::Succeeded)]);
    let mut watch = reader.watch(&result_request(&authorizer)).unwrap();
    watch.next(&mut Progress::default()).await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!(aws.reads().len(), 2);
    authorizer.apply(only(Operation::Create));
    let error = watch.next(&mut Progress::default()).await.unwrap_err();
    assert!(matches!(error, SessionError::NotAllowed(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_for_aws_is_refused() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([reads(full()).after(5 * SECOND)]);
    let request = request();
    let read = v1::GetSessionResultRequest {
        session_id: request.session_id,
        result_token: request.result_token,
        include_images: true,
        ..Default::default()
    };
    let caller = livegate.caller();
    let call = caller.result(read);
    let (result, elapsed) = reloaded(&livegate, only(Operation::Create), call).await;
    assert_refused(&result.unwrap_err(), "GetSessionResult");
    assert!(elapsed < 2 * SECOND, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_create_call_in_the_queue_is_refused_and_costs_no_quota() {
    let livegate = without_quota().await;
    let caller = livegate.caller();
    let policy = only(Operation::Results);
    let (created, elapsed) = reloaded(&livegate, policy, caller.create()).await;
    assert_refused(&created.unwrap_err(), "CreateSession");
    assert!(elapsed < 2 * SECOND, "{elapsed:?}");
    livegate.authorizer.apply(Policy::default());
    let start = Instant::now();
    caller.create().await.unwrap();
    assert!(start.elapsed() <= 4 * SECOND, "{:?}", start.elapsed());
    assert_eq!(livegate.aws.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_create_call_in_the_queue_keeps_its_fields_and_the_settings_of_its_profile() {
    let livegate = without_quota().await;
    let caller = livegate.caller();
    let policy = with(Permissions {
        buckets: Some(Vec::new()),
        ..Permissions::default()
    });
    let call = caller.ask((BUCKET.with)("old-images"));
    reloaded(&livegate, policy.clone(), call).await.0.unwrap();
    let refused = caller.ask((BUCKET.with)("old-images")).await;
    assert_refused(&refused.unwrap_err(), BUCKET.path);
    livegate.authorizer.apply(Policy {
        profiles: profiles("old-images"),
        ..Policy::default()
    });
    let call = caller.ask(with_profile("kyc"));
    reloaded(&livegate, policy, call).await.0.unwrap();
    for attempt in &livegate.aws.attempts()[1..] {
        assert_eq!(attempt.settings, stored_in("old-images"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_call_that_was_sent_returns_its_session_and_one_that_waits_for_it_is_refused() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([answers().after(5 * SECOND)]);
    let (first, second) = (livegate.caller(), livegate.caller());
    let waiting = async {
        sleep(SECOND / 2).await;
        second.repeat(ID).await
    };
    let calls = async { tokio::join!(first.repeat(ID), waiting) };
    let ((first, second), _) = reloaded(&livegate, only(Operation::Results), calls).await;
    first.unwrap();
    assert_refused(&second.unwrap_err(), "CreateSession");
}

#[tokio::test(start_paused = true)]
async fn the_verdict_of_a_watch_uses_the_new_minimum_confidence() {
    let livegate = Livegate::start().await;
    livegate
        .aws
        .plan([step(SessionStatus::Created), step(SessionStatus::Succeeded)]);
    let mut states = livegate.caller().watch(request()).await.unwrap();
    next(&mut states).await;
    livegate.authorizer.apply(with(Permissions {
        minimum_confidence: MinimumConfidence::new(99.0).ok(),
        ..Permissions::default()
    }));
    let last = next(&mut states).await;
    assert_eq!(last.verdict(), v1::Verdict::Failed);
    assert_eq!(last.verdict_reason, "CONFIDENCE_BELOW_MINIMUM");
}
