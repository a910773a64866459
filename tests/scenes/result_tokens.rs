//! A result is read by the one who asked for the session, for the same end user,
//! and by nobody else.

use std::time::{Duration, UNIX_EPOCH};

use livegate::auth::AuthMode;
use livegate::grpc::v1;
use livegate::result_token::TokenKeys;
use livegate::session::TokenRequirement;
use tonic::Code;
use uuid::Uuid;

use crate::harness::aws::{created, reads};
use crate::harness::pipes::{Livegate, REGION, Setup, quota};
use crate::harness::tokens::{Owner, key};

const NOT_YOURS: (Code, &str) = (Code::PermissionDenied, "RESULT_TOKEN_INVALID");

fn of_jane(request_id: &str) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        request_id: request_id.to_owned(),
        subject: "jane".to_owned(),
        ..Default::default()
    }
}

/// What `session` was issued with, to read its result with.
fn by_jane(session: &v1::Session) -> v1::GetSessionResultRequest {
    v1::GetSessionResultRequest {
        session_id: session.session_id.clone(),
        subject: "jane".to_owned(),
        result_token: session.result_token.clone(),
        ..Default::default()
    }
}

async fn where_callers_have_names() -> Livegate {
    Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        ..Setup::default()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_for_a_session_reads_its_result_for_the_same_subject() {
    let livegate = where_callers_have_names().await;
    let payments = livegate.caller().named("payments");
    let session = payments.ask(of_jane("")).await.unwrap().session;
    assert_eq!(session.result_token.len(), 60);
    livegate.aws.will([reads(created(&session.session_id))]);
    let read = payments.result(by_jane(&session)).await.unwrap();
    assert_eq!(read.session_id, session.session_id);
}

#[tokio::test(start_paused = true)]
async fn no_one_else_is_told_anything_and_neither_aws_nor_the_quota_is_asked() {
    // There is one slot to read with, and no other for 50 s: whoever is turned away
    // does not take it.
    let livegate = Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        quota: quota(0.02, 1),
        ..Setup::default()
    })
    .await;
    let payments = livegate.caller().named("payments");
    let session = payments.ask(of_jane("")).await.unwrap().session;
    let right = by_jane(&session);
    let stranger = payments.named("onboarding").result(right.clone()).await;
    let mut told = vec![stranger.unwrap_err()];
    for forged in forgeries(&right) {
        told.push(payments.result(forged).await.unwrap_err());
    }
    for one in &told {
        assert_eq!(one.what(), NOT_YOURS);
        assert_eq!(one.message, told[0].message, "all are told the same");
        assert_eq!(one.violations, []);
        assert_eq!((one.retry_after, one.pushback), (None, None));
    }
    assert!(livegate.aws.reads().is_empty());
    livegate.aws.will([reads(created(&session.session_id))]);
    assert!(payments.result(right).await.is_ok(), "the slot is left");
}

/// All ways to be wrong, by `payments` itself.
fn forgeries(right: &v1::GetSessionResultRequest) -> Vec<v1::GetSessionResultRequest> {
    let mut forged = Vec::new();
    for subject in ["", "joan", "Jane", "jane "] {
        let mut one = right.clone();
        one.subject = subject.to_owned();
        forged.push(one);
    }
    let mut of_another = right.clone();
    of_another.session_id = Uuid::new_v4().to_string();
    forged.push(of_another);
    let owner = Owner {
        caller: "payments",
        subject: "jane",
        region: REGION,
        session: &right.session_id,
    };
    let elsewhere = Owner {
        region: "eu-west-2",
        ..owner
    };
    let other_keys = TokenKeys::new(key(9), Vec::new()).unwrap();
    let hour = Duration::from_secs(1 << 40);
    let (garbled, token) = ("x".repeat(60), &right.result_token);
    for token in [
        elsewhere.token(),
        owner.token_by(&other_keys, UNIX_EPOCH + hour),
        owner.token_by(&crate::harness::tokens::keys(), UNIX_EPOCH),
        token[..59].to_owned(),
        format!("{token}A"),
        token.to_lowercase(),
        garbled,
        "\u{0}".to_owned(),
        "y".repeat(50_000),
    ] {
        let mut one = right.clone();
        one.result_token = token;
        forged.push(one);
    }
    forged
}

#[tokio::test(start_paused = true)]
async fn each_character_of_a_token_counts() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    let session = caller.ask(of_jane("")).await.unwrap().session;
    for at in 0..session.result_token.len() {
        let mut request = by_jane(&session);
        let other = if request.result_token[at..].starts_with('B') {
            "C"
        } else {
            "B"
        };
        request.result_token.replace_range(at..=at, other);
        let told = caller.result(request).await.unwrap_err();
        assert_eq!(told.what(), NOT_YOURS, "character {at}");
    }
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_missing_is_a_violation_where_one_is_needed() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    let session = caller.ask(of_jane("")).await.unwrap().session;
    let mut request = by_jane(&session);
    request.result_token.clear();
    let told = caller.result(request).await.unwrap_err();
    assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
    assert_eq!(told.fields(), ["result_token"]);
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_no_token_is_needed_one_that_is_wrong_is_turned_away_all_the_same() {
    let livegate = Livegate::with(Setup {
        proof: TokenRequirement::Optional,
        ..Setup::default()
    })
    .await;
    let caller = livegate.caller();
    let session = caller.ask(of_jane("")).await.unwrap().session;
    let mut without = by_jane(&session);
    without.result_token.clear();
    without.subject.clear();
    livegate.aws.will([reads(created(&session.session_id))]);
    assert!(caller.result(without).await.is_ok());
    let mut wrong = by_jane(&session);
    wrong.subject = "joan".to_owned();
    assert_eq!(caller.result(wrong).await.unwrap_err().what(), NOT_YOURS);
    assert_eq!(livegate.aws.reads().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_brings_a_token_too_and_both_are_right() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    let request = of_jane(&Uuid::new_v4().to_string());
    let first = caller.ask(request.clone()).await.unwrap().session;
    let again = caller.ask(request).await.unwrap().session;
    assert!(again.replayed && again.session_id == first.session_id);
    for session in [first, again] {
        livegate.aws.will([reads(created(&session.session_id))]);
        assert!(caller.result(by_jane(&session)).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_id_of_one_subject_does_not_bring_another_its_session() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    let request = of_jane(&Uuid::new_v4().to_string());
    let jane = caller.ask(request.clone()).await.unwrap().session;
    for subject in ["joan", ""] {
        let mut request = request.clone();
        request.subject = subject.to_owned();
        let other = caller.ask(request).await.unwrap().session;
        assert!(!other.replayed, "{subject:?}");
        assert_ne!(other.session_id, jane.session_id, "{subject:?}");
    }
    let attempts = livegate.aws.attempts();
    assert_ne!(attempts[0].token, attempts[1].token, "nor would AWS");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_key_that_was_rotated_out_of_signing_is_right() {
    let (old, new) = (key(1), key(2));
    let livegate = Livegate::with(Setup {
        token_keys: TokenKeys::new(new, vec![old]).unwrap(),
        ..Setup::default()
    })
    .await;
    let session = Uuid::new_v4().to_string();
    let request = v1::GetSessionResultRequest {
        session_id: session.clone(),
        result_token: Owner::of(&session).token(),
        ..Default::default()
    };
    livegate.aws.will([reads(created(&session))]);
    assert!(livegate.caller().result(request).await.is_ok());
}
