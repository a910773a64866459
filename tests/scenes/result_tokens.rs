//! Result tokens: only the caller that created a session reads its result, and only for the
//! same end user.

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

const TOKEN_INVALID: (Code, &str) = (Code::PermissionDenied, "RESULT_TOKEN_INVALID");

fn create_for_jane(request_id: &str) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        request_id: request_id.to_owned(),
        subject: "jane".to_owned(),
        ..Default::default()
    }
}

/// Returns a valid request for the result of `session`.
fn read_for_jane(session: &v1::Session) -> v1::GetSessionResultRequest {
    v1::GetSessionResultRequest {
        session_id: session.session_id.clone(),
        subject: "jane".to_owned(),
        result_token: session.result_token.clone(),
        ..Default::default()
    }
}

async fn start_with_caller_names() -> Livegate {
    Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        ..Setup::default()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_creator_of_a_session_reads_its_result_for_the_same_subject() {
    let livegate = start_with_caller_names().await;
    let payments = livegate.caller().named("payments");
    let session = payments.ask(create_for_jane("")).await.unwrap().session;
    assert_eq!(session.result_token.len(), 60);
    livegate.aws.plan([reads(created(&session.session_id))]);
    let read = payments.result(read_for_jane(&session)).await.unwrap();
    assert_eq!(read.session_id, session.session_id);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_token_reveals_nothing_and_uses_neither_aws_nor_the_quota() {
    // One quota token for reads, and the next one in 50 s: refused reads must not use it.
    let livegate = Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        quota: quota(0.02, 1),
        ..Setup::default()
    })
    .await;
    let payments = livegate.caller().named("payments");
    let session = payments.ask(create_for_jane("")).await.unwrap().session;
    let valid = read_for_jane(&session);
    let stranger = payments.named("onboarding").result(valid.clone()).await;
    let mut failures = vec![stranger.unwrap_err()];
    for forged in forgeries(&valid) {
        failures.push(payments.result(forged).await.unwrap_err());
    }
    for status in &failures {
        assert_eq!(status.code_and_reason(), TOKEN_INVALID);
        assert_eq!(
            status.message, failures[0].message,
            "the same message for all"
        );
        assert_eq!(status.violations, []);
        assert_eq!((status.retry_after, status.pushback), (None, None));
    }
    assert!(livegate.aws.reads().is_empty());
    livegate.aws.plan([reads(created(&session.session_id))]);
    assert!(
        payments.result(valid).await.is_ok(),
        "the quota token is left"
    );
}

/// Returns invalid variants of `valid`, sent by its own caller.
fn forgeries(valid: &v1::GetSessionResultRequest) -> Vec<v1::GetSessionResultRequest> {
    let mut forged = Vec::new();
    for subject in ["", "joan", "Jane", "jane "] {
        let mut request = valid.clone();
        request.subject = subject.to_owned();
        forged.push(request);
    }
    let mut other_session = valid.clone();
    other_session.session_id = Uuid::new_v4().to_string();
    forged.push(other_session);
    let owner = Owner {
        caller: "payments",
        subject: "jane",
        region: REGION,
        session: &valid.session_id,
    };
    let other_region = Owner {
        region: "eu-west-2",
        ..owner
    };
    let other_keys = TokenKeys::new(key(9), Vec::new()).unwrap();
    let far_future = UNIX_EPOCH + Duration::from_secs(1 << 40);
    let (garbled, token) = ("x".repeat(60), &valid.result_token);
    for token in [
        other_region.token(),
        owner.token_by(&other_keys, far_future),
        owner.token_by(&crate::harness::tokens::keys(), UNIX_EPOCH),
        token[..59].to_owned(),
        format!("{token}A"),
        token.to_lowercase(),
        garbled,
        "\u{0}".to_owned(),
        "y".repeat(5000),
    ] {
        let mut request = valid.clone();
        request.result_token = token;
        forged.push(request);
    }
    forged
}

#[tokio::test(start_paused = true)]
async fn a_change_of_any_character_invalidates_a_token() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let session = caller.ask(create_for_jane("")).await.unwrap().session;
    for at in 0..session.result_token.len() {
        let mut request = read_for_jane(&session);
        let other = if request.result_token[at..].starts_with('B') {
            "C"
        } else {
            "B"
        };
        request.result_token.replace_range(at..=at, other);
        let status = caller.result(request).await.unwrap_err();
        assert_eq!(status.code_and_reason(), TOKEN_INVALID, "character {at}");
    }
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_missing_token_is_a_violation_if_tokens_are_required() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let session = caller.ask(create_for_jane("")).await.unwrap().session;
    let mut request = read_for_jane(&session);
    request.result_token.clear();
    let status = caller.result(request).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_eq!(status.fields(), ["result_token"]);
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_invalid_token_is_refused_although_tokens_are_optional() {
    let livegate = Livegate::with(Setup {
        token_requirement: TokenRequirement::Optional,
        ..Setup::default()
    })
    .await;
    let caller = livegate.caller();
    let session = caller.ask(create_for_jane("")).await.unwrap().session;
    let mut without = read_for_jane(&session);
    without.result_token.clear();
    without.subject.clear();
    livegate.aws.plan([reads(created(&session.session_id))]);
    assert!(caller.result(without).await.is_ok());
    let mut invalid = read_for_jane(&session);
    invalid.subject = "joan".to_owned();
    assert_eq!(
        caller.result(invalid).await.unwrap_err().code_and_reason(),
        TOKEN_INVALID
    );
    assert_eq!(livegate.aws.reads().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_has_a_token_too_and_both_tokens_are_valid() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let request = create_for_jane(&Uuid::new_v4().to_string());
    let first = caller.ask(request.clone()).await.unwrap().session;
    let again = caller.ask(request).await.unwrap().session;
    assert!(again.replayed && again.session_id == first.session_id);
    for session in [first, again] {
        livegate.aws.plan([reads(created(&session.session_id))]);
        assert!(caller.result(read_for_jane(&session)).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_request_id_for_another_subject_gives_another_session() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let request = create_for_jane(&Uuid::new_v4().to_string());
    let jane = caller.ask(request.clone()).await.unwrap().session;
    for subject in ["joan", ""] {
        let mut request = request.clone();
        request.subject = subject.to_owned();
        let other = caller.ask(request).await.unwrap().session;
        assert!(!other.replayed, "{subject:?}");
        assert_ne!(other.session_id, jane.session_id, "{subject:?}");
    }
    let attempts = livegate.aws.attempts();
    assert_ne!(
        attempts[0].token, attempts[1].token,
        "AWS sees two sessions"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_retired_key_is_valid() {
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
    livegate.aws.plan([reads(created(&session))]);
    assert!(livegate.caller().result(request).await.is_ok());
}
