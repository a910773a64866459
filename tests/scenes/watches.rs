//! Watches: the states of a session up to its final result, by polls that watches share.

use std::time::Duration;

use livegate::grpc::v1;
use livegate::model::{LivenessResult, SessionStatus};
use livegate::transport::DrainSignals;
use tokio::time::Instant;
use tonic::{Code, Streaming};

use super::audit::AuditedLivegate;
use crate::harness::aws::{AWS_REQUEST_ID, Step, created, reads};
use crate::harness::pipes::{Livegate, Setup};
use crate::harness::status::CallStatus;
use crate::harness::tokens::Owner;

pub(super) const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

pub(super) fn step(status: SessionStatus) -> Step {
    reads(LivenessResult {
        status,
        confidence: (status == SessionStatus::Succeeded).then_some(97.5),
        ..created(ID)
    })
}

/// Returns a whole check: three polls without a change, and two changes.
fn check() -> [Step; 5] {
    [
        step(SessionStatus::Created),
        step(SessionStatus::Created),
        step(SessionStatus::InProgress),
        step(SessionStatus::InProgress),
        step(SessionStatus::Succeeded),
    ]
}

pub(super) fn request() -> v1::WatchSessionRequest {
    v1::WatchSessionRequest {
        session_id: ID.to_owned(),
        result_token: Owner::of(ID).token(),
        minimum_confidence: Some(90.0),
        ..Default::default()
    }
}

pub(super) fn request_of(caller: &str) -> v1::WatchSessionRequest {
    let owner = Owner {
        caller,
        ..Owner::of(ID)
    };
    v1::WatchSessionRequest {
        result_token: owner.token(),
        ..request()
    }
}

pub(super) type States = Streaming<v1::WatchSessionResponse>;

pub(super) async fn next(states: &mut States) -> v1::GetSessionResultResponse {
    let state = states.message().await.unwrap();
    state.and_then(|state| state.result).expect("a state")
}

/// Returns the statuses up to the end of the stream.
async fn statuses(states: &mut States) -> Vec<v1::SessionStatus> {
    let mut statuses = Vec::new();
    while let Some(state) = states.message().await.unwrap() {
        statuses.push(state.result.expect("always set").status());
    }
    statuses
}

pub(super) async fn failure(states: &mut States) -> CallStatus {
    loop {
        match states.message().await {
            Ok(state) => assert!(state.is_some(), "it ends with an error"),
            Err(status) => return CallStatus::of(&status),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_receives_the_state_each_change_and_the_final_result_with_its_verdict() {
    let livegate = Livegate::start().await;
    livegate.aws.plan(check());
    let mut states = livegate.caller().watch(request()).await.unwrap();
    let first = next(&mut states).await;
    let pending = (v1::SessionStatus::Created, v1::Verdict::Pending);
    assert_eq!((first.status(), first.verdict()), pending);
    assert_eq!(first.verdict_reason, "CHECK_NOT_FINISHED");
    let second = next(&mut states).await;
    assert_eq!(second.status(), v1::SessionStatus::InProgress);
    let last = next(&mut states).await;
    let passed = (v1::SessionStatus::Succeeded, v1::Verdict::Passed);
    assert_eq!((last.status(), last.verdict()), passed);
    assert_eq!(last.confidence, Some(97.5));
    assert_eq!(states.message().await.unwrap(), None, "the stream ends");
    assert_eq!(livegate.aws.reads().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn all_watches_and_reads_of_a_session_share_its_polls() {
    let livegate = Livegate::start().await;
    livegate.aws.plan(check());
    let mut watches = Vec::new();
    for _ in 0..10 {
        watches.push(livegate.caller().watch(request()).await.unwrap());
    }
    for states in &mut watches {
        let last = statuses(states).await.pop();
        assert_eq!(last, Some(v1::SessionStatus::Succeeded));
    }
    assert_eq!(livegate.aws.reads().len(), 5);
    let read = v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        result_token: Owner::of(ID).token(),
        ..Default::default()
    };
    let (_, served) = livegate.caller().served(read).await.unwrap();
    assert_eq!(served, "cached", "a watch keeps the result for reads");
    let mut again = livegate.caller().watch(request()).await.unwrap();
    assert_eq!(statuses(&mut again).await, [v1::SessionStatus::Succeeded]);
    assert_eq!(livegate.aws.reads().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_ends_its_watch() {
    let livegate = Livegate::start().await;
    livegate
        .aws
        .plan((0..200).map(|_| step(SessionStatus::Created)));
    let start = Instant::now();
    let mut states = livegate.caller().watch(request()).await.unwrap();
    assert_eq!(next(&mut states).await.status(), v1::SessionStatus::Created);
    let last = next(&mut states).await;
    let expired = (v1::SessionStatus::Expired, v1::Verdict::Failed);
    assert_eq!((last.status(), last.verdict()), expired);
    assert_eq!(last.verdict_reason, "SESSION_EXPIRED");
    assert_eq!(states.message().await.unwrap(), None);
    assert_eq!(start.elapsed().as_secs(), 180);
    let polls = livegate.aws.reads().len();
    assert!((10..40).contains(&polls), "the interval grows: {polls}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(livegate.aws.reads().len(), polls, "it is polled no longer");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_watches_so_that_clients_call_another_replica() {
    let signals = DrainSignals::default();
    let livegate = Livegate::with(Setup {
        signals: signals.clone(),
        ..Setup::default()
    })
    .await;
    livegate
        .aws
        .plan((0..10).map(|_| step(SessionStatus::Created)));
    let caller = livegate.caller();
    let mut states = caller.watch(request()).await.unwrap();
    next(&mut states).await;
    signals.drain.cancel();
    let status = failure(&mut states).await;
    let expected = (Code::Unavailable, "SHUTTING_DOWN");
    assert_eq!(status.code_and_reason(), expected);
    assert_eq!(status.retry_after, Some(Duration::from_millis(100)));
}

#[tokio::test(start_paused = true)]
async fn a_watch_needs_the_token_of_its_session_and_valid_fields() {
    let livegate = Livegate::start().await;
    let stranger = v1::WatchSessionRequest {
        subject: "a stranger".to_owned(),
        ..request()
    };
    let status = livegate.caller().watch(stranger).await.unwrap_err();
    let expected = (Code::PermissionDenied, "RESULT_TOKEN_INVALID");
    assert_eq!(status.code_and_reason(), expected);
    let invalid = v1::WatchSessionRequest {
        session_id: "1".to_owned(),
        minimum_confidence: Some(101.0),
        ..request()
    };
    let status = livegate.caller().watch(invalid).await.unwrap_err();
    assert_eq!(status.fields(), ["session_id", "minimum_confidence"]);
    let disabled = Livegate::with(Setup {
        results: false,
        ..Setup::default()
    })
    .await;
    let status = disabled.caller().watch(request()).await.unwrap_err();
    assert_eq!(status.reason, "RESULTS_DISABLED");
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_at_the_deadline_of_its_caller() {
    let livegate = Livegate::start().await;
    livegate
        .aws
        .plan((0..10).map(|_| step(SessionStatus::Created)));
    let limit = Duration::from_secs(4);
    let caller = livegate.caller().within(limit);
    let start = Instant::now();
    let status = failure(&mut caller.watch(request()).await.unwrap()).await;
    assert_eq!(status.code, Code::DeadlineExceeded);
    assert!(start.elapsed() < limit);
}

#[tokio::test(start_paused = true)]
async fn a_watch_writes_an_audit_line_for_each_state_that_it_delivers() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    audited.livegate.aws.plan(check());
    let caller = audited.livegate.caller().named("web");
    let request = request_of("web");
    let mut early = caller.watch(request.clone()).await.unwrap();
    next(&mut early).await;
    drop(early);
    let lines = audited.lines().await;
    assert_eq!(lines.len(), 1, "the watch has ended early: {lines:?}");
    let mut states = caller.watch(request.clone()).await.unwrap();
    assert_eq!(statuses(&mut states).await.len(), 3);
    let stranger = v1::WatchSessionRequest {
        subject: "a stranger".to_owned(),
        ..request
    };
    caller.watch(stranger).await.unwrap_err();
    let lines = audited.lines().await;
    assert_eq!(lines.len(), 1 + 3 + 1, "not one for each poll: {lines:?}");
    let (refused, read) = lines.split_last().unwrap();
    let read_states = read.iter().map(|line| line["status"].as_str().unwrap());
    let expected = ["CREATED", "CREATED", "IN_PROGRESS", "SUCCEEDED"];
    assert_eq!(read_states.collect::<Vec<_>>(), expected);
    for line in read {
        assert_eq!(line["event"], "session_read");
        assert_eq!(line["operation"], "WatchSession");
        assert_eq!(line["aws_request_id"], AWS_REQUEST_ID);
        assert_eq!(line["code"], "OK");
    }
    assert_eq!(refused["event"], "refused");
    assert_eq!(refused["operation"], "WatchSession");
    assert_eq!(refused["reason"], "RESULT_TOKEN_INVALID");
}
