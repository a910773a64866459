//! Idempotency: a repeated request id returns the same session while it lives.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livegate::grpc::v1;
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Code;
use uuid::{NoContext, Timestamp, Uuid};

use crate::harness::aws::{answers, fails, never_answers};
use crate::harness::pipes::{Livegate, Setup, quota};

pub(super) const SECOND: Duration = Duration::from_secs(1);

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

pub(super) fn left(session: &v1::Session) -> Duration {
    Duration::try_from(session.time_to_live.unwrap()).unwrap()
}

/// Asserts what is left of a session. Its life counts from the version 7 request id, which
/// is created shortly before the call, in real time.
pub(super) fn assert_left(session: &v1::Session, expected: Duration) {
    let left = left(session);
    assert!(left <= expected && left + SECOND > expected, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_returns_the_same_session_with_its_remaining_life() {
    let livegate = Livegate::start().await;
    let (caller, id) = (livegate.caller(), new_id());
    let first = caller.repeat(&id).await.unwrap().session;
    sleep(20 * SECOND).await;
    let repeat = caller.repeat(&id).await.unwrap();
    assert_eq!((repeat.attempts, livegate.aws.attempts().len()), (0, 1));
    let repeat = repeat.session;
    assert_eq!(repeat.session_id, first.session_id);
    assert_eq!(repeat.create_time, first.create_time);
    assert_eq!(repeat.expire_time, first.expire_time);
    assert_eq!((first.replayed, repeat.replayed), (false, true));
    assert_left(&repeat, 160 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_case_of_a_request_id_does_not_matter() {
    let livegate = Livegate::start().await;
    let (caller, id) = (livegate.caller(), new_id());
    let first = caller.repeat(&id).await.unwrap().session;
    let repeat = caller.repeat(&id.to_uppercase()).await.unwrap().session;
    assert_eq!(first.session_id, repeat.session_id);
}

#[tokio::test(start_paused = true)]
async fn concurrent_repeats_share_one_call_to_aws() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([answers().after(SECOND)]);
    let id = new_id();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (caller, id) = (livegate.caller(), id.clone());
        calls.spawn(async move { caller.repeat(&id).await.unwrap().session });
    }
    let sessions = calls.join_all().await;
    assert_eq!(livegate.aws.attempts().len(), 1);
    assert!(
        sessions
            .iter()
            .all(|s| s.session_id == sessions[0].session_id)
    );
    let first = sessions.iter().filter(|session| !session.replayed);
    assert_eq!(first.count(), 1, "only one of them is not a replay");
}

#[tokio::test(start_paused = true)]
async fn joined_calls_continue_when_the_first_one_times_out() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([never_answers()]);
    let (caller, id) = (livegate.caller(), new_id());
    let impatient = caller.within(SECOND);
    let (timed_out, joined) = tokio::join!(impatient.repeat(&id), caller.repeat(&id));
    assert_eq!(timed_out.unwrap_err().reason, "UPSTREAM_TIMEOUT");
    assert!(joined.is_ok());
    let attempts = livegate.aws.attempts();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].token, attempts[1].token);
}

#[tokio::test(start_paused = true)]
async fn other_parameters_with_the_same_request_id_are_a_conflict() {
    let livegate = Livegate::start().await;
    let (caller, id) = (livegate.caller(), new_id());
    caller.repeat(&id).await.unwrap();
    let status = caller
        .ask(v1::CreateSessionRequest {
            request_id: id,
            kms_key_id: "another".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::AlreadyExists, "REQUEST_ID_CONFLICT")
    );
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_id_can_be_used_with_other_parameters() {
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    let (caller, id) = (livegate.caller(), new_id());
    caller.create().await.unwrap();
    let refused = caller.within(SECOND).repeat(&id).await.unwrap_err();
    assert_eq!(refused.reason, "QUOTA_EXHAUSTED");
    sleep(10 * SECOND).await;
    let issued = caller.ask(v1::CreateSessionRequest {
        request_id: id.clone(),
        kms_key_id: "another".to_owned(),
        ..Default::default()
    });
    assert!(!issued.await.unwrap().session.replayed);
    assert_eq!(livegate.aws.attempts().len(), 2);
    let status = caller.repeat(&id).await.unwrap_err();
    assert_eq!(
        status.reason, "REQUEST_ID_CONFLICT",
        "a request that was sent is bound"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_id_older_than_a_sessions_life_is_refused() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    for (age, expired) in [(600, true), (182, true), (170, false), (0, false)] {
        let sent = livegate.aws.attempts().len();
        let result = caller.repeat(&id_created(age)).await;
        if expired {
            let status = result.unwrap_err();
            let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
            assert_eq!(status.code_and_reason(), expected, "{age} s");
            assert_eq!(livegate.aws.attempts().len(), sent);
        } else {
            assert!(result.is_ok(), "{age} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_request_id_names_the_clock_and_the_seconds() {
    let livegate = Livegate::start().await;
    let status = livegate
        .caller()
        .repeat(&id_created(240))
        .await
        .unwrap_err();
    let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
    assert_eq!(status.code_and_reason(), expected);
    assert_eq!(
        status.message,
        "the request_id was created 240 s ago by the caller's clock, a session lives 180 s: \
         check the caller's clock or send a new request_id"
    );
    assert_eq!(status.metadata["request_id_age_seconds"], "240");
    assert_eq!(status.metadata["session_life_seconds"], "180");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_restart_without_a_store_reports_no_more_life_than_the_session_has() {
    let livegate = Livegate::start().await;
    let id = id_created(20);
    let first = livegate.caller().repeat(&id).await.unwrap().session;
    let restarted = Livegate::with(Setup {
        aws: livegate.aws.clone(),
        ..Setup::default()
    })
    .await;
    drop(livegate);
    let repeat = restarted.caller().repeat(&id).await.unwrap().session;
    assert_eq!(repeat.session_id, first.session_id);
    assert_left(&repeat, 160 * SECOND);
    assert_eq!(repeat.expire_time, first.expire_time);
}

#[tokio::test(start_paused = true)]
async fn a_request_id_expires_with_its_session() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    for id in [new_id(), Uuid::new_v4().to_string()] {
        let sent = livegate.aws.attempts().len();
        caller.repeat(&id).await.unwrap();
        sleep(179 * SECOND).await;
        let last = caller.repeat(&id).await.unwrap().session;
        assert_left(&last, SECOND);
        sleep(SECOND).await;
        let status = caller.repeat(&id).await.unwrap_err();
        let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
        assert_eq!(status.code_and_reason(), expected);
        assert_eq!(livegate.aws.attempts().len(), sent + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_returns_a_session_whose_answer_was_lost_with_its_true_age() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([never_answers()]);
    let (caller, id) = (livegate.caller(), new_id());
    let lost = caller.within(SECOND).repeat(&id).await.unwrap_err();
    assert_eq!(
        lost.code_and_reason(),
        (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
    );
    let sent = livegate.aws.attempts()[0].at;
    sleep(20 * SECOND).await;
    let found = caller.repeat(&id).await.unwrap().session;
    let age = sent.elapsed();
    assert_left(&found, 180 * SECOND - age);
    let attempts = livegate.aws.attempts();
    assert_eq!(attempts[0].token, attempts[1].token);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_failure_calls_aws_again() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([fails(Kind::AccessDenied)]);
    let (caller, id) = (livegate.caller(), new_id());
    assert!(caller.repeat(&id).await.is_err());
    let session = caller.repeat(&id).await.unwrap().session;
    assert!(!session.replayed, "no call returned it before");
}

/// Returns a version 7 id that was created this many seconds ago.
pub(super) fn id_created(seconds_ago: u64) -> String {
    let created = since_epoch() - Duration::from_secs(seconds_ago);
    let created = Timestamp::from_unix(NoContext, created.as_secs(), created.subsec_nanos());
    Uuid::new_v7(created).to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "version 7 ids contain the wall clock"
)]
fn since_epoch() -> Duration {
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970")
}
