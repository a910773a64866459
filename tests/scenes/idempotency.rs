//! The same request id names the same session for as long as that lives.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livegate::grpc::v1;
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Code;
use uuid::{NoContext, Timestamp, Uuid};

use crate::harness::aws::{answers, fails, never_answers};
use crate::harness::pipes::{Livegate, quota};

const SECOND: Duration = Duration::from_secs(1);

fn fresh() -> String {
    Uuid::now_v7().to_string()
}

fn left(session: &v1::Session) -> Duration {
    Duration::try_from(session.time_to_live.unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_the_same_session_with_what_is_left_of_its_life() {
    let livegate = Livegate::up().await;
    let (caller, id) = (livegate.caller(), fresh());
    let first = caller.repeat(&id).await.unwrap().session;
    sleep(20 * SECOND).await;
    let again = caller.repeat(&id).await.unwrap();
    assert_eq!((again.attempts, livegate.aws.attempts().len()), (0, 1));
    let again = again.session;
    assert_eq!(again.session_id, first.session_id);
    assert_eq!(again.create_time, first.create_time);
    assert_eq!(again.expire_time, first.expire_time);
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(left(&again), 160 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn upper_and_lower_case_are_one_request_id() {
    let livegate = Livegate::up().await;
    let (caller, id) = (livegate.caller(), fresh());
    let first = caller.repeat(&id).await.unwrap().session;
    let again = caller.repeat(&id.to_uppercase()).await.unwrap().session;
    assert_eq!(first.session_id, again.session_id);
}

#[tokio::test(start_paused = true)]
async fn repeats_at_the_same_time_join_one_call() {
    let livegate = Livegate::up().await;
    livegate.aws.will([answers().after(SECOND)]);
    let id = fresh();
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
    assert_eq!(first.count(), 1, "one asked, the others were told the same");
}

#[tokio::test(start_paused = true)]
async fn when_the_first_is_given_up_those_who_joined_go_on() {
    let livegate = Livegate::up().await;
    livegate.aws.will([never_answers()]);
    let (caller, id) = (livegate.caller(), fresh());
    let impatient = caller.within(SECOND);
    let (gave_up, joined) = tokio::join!(impatient.repeat(&id), caller.repeat(&id));
    assert_eq!(gave_up.unwrap_err().reason, "UPSTREAM_TIMEOUT");
    assert!(joined.is_ok());
    let attempts = livegate.aws.attempts();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].token, attempts[1].token);
}

#[tokio::test(start_paused = true)]
async fn other_parameters_under_the_same_request_id_are_refused() {
    let livegate = Livegate::up().await;
    let (caller, id) = (livegate.caller(), fresh());
    caller.repeat(&id).await.unwrap();
    let told = caller
        .ask(v1::CreateSessionRequest {
            request_id: id,
            kms_key_id: "another".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(told.what(), (Code::AlreadyExists, "REQUEST_ID_CONFLICT"));
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_id_that_was_refused_binds_nobody() {
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    let (caller, id) = (livegate.caller(), fresh());
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
    let told = caller.repeat(&id).await.unwrap_err();
    assert_eq!(told.reason, "REQUEST_ID_CONFLICT", "what was sent binds");
}

#[tokio::test(start_paused = true)]
async fn a_request_id_made_before_a_sessions_life_is_refused_unsent() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    for (age, expired) in [(600, true), (182, true), (170, false), (0, false)] {
        let made = since_epoch().as_secs() - age;
        let id = Uuid::new_v7(Timestamp::from_unix(NoContext, made, 0));
        let sent = livegate.aws.attempts().len();
        let answer = caller.repeat(&id.to_string()).await;
        if expired {
            let told = answer.unwrap_err();
            let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
            assert_eq!(told.what(), expected, "{age} s");
            assert_eq!(livegate.aws.attempts().len(), sent);
        } else {
            assert!(answer.is_ok(), "{age} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_id_does_not_outlive_its_session() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    for id in [fresh(), Uuid::new_v4().to_string()] {
        let sent = livegate.aws.attempts().len();
        caller.repeat(&id).await.unwrap();
        sleep(179 * SECOND).await;
        let last = caller.repeat(&id).await.unwrap().session;
        assert_eq!(left(&last), SECOND);
        sleep(SECOND).await;
        let told = caller.repeat(&id).await.unwrap_err();
        let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
        assert_eq!(told.what(), expected);
        assert_eq!(livegate.aws.attempts().len(), sent + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_answer_was_lost_is_found_again_with_its_true_age() {
    let livegate = Livegate::up().await;
    livegate.aws.will([never_answers()]);
    let (caller, id) = (livegate.caller(), fresh());
    let lost = caller.within(SECOND).repeat(&id).await.unwrap_err();
    assert_eq!(lost.what(), (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT"));
    let sent = livegate.aws.attempts()[0].at;
    sleep(20 * SECOND).await;
    let found = caller.repeat(&id).await.unwrap().session;
    let age = sent.elapsed();
    assert_eq!(left(&found), 180 * SECOND - age);
    let attempts = livegate.aws.attempts();
    assert_eq!(attempts[0].token, attempts[1].token);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_failure_is_asked_anew() {
    let livegate = Livegate::up().await;
    livegate.aws.will([fails(Kind::AccessDenied)]);
    let (caller, id) = (livegate.caller(), fresh());
    assert!(caller.repeat(&id).await.is_err());
    let session = caller.repeat(&id).await.unwrap().session;
    assert!(!session.replayed, "nobody was told of it before");
}

#[expect(clippy::disallowed_methods, reason = "version 7 has the wall's time")]
fn since_epoch() -> Duration {
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).expect("it is past 1970")
}
