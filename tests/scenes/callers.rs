//! Who calls, and that one caller's sessions are not another's.

use livegate::auth::AuthMode;
use tonic::Code;

use crate::harness::pipes::{Livegate, Setup};

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

async fn trusting_the_header() -> Livegate {
    Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        ..Setup::default()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn where_callers_have_names_one_without_is_turned_away() {
    let livegate = trusting_the_header().await;
    let told = livegate.caller().create().await.unwrap_err();
    let expected = (Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    assert_eq!(told.what(), expected);
    assert!(told.message.contains("livegate-caller"), "{told:?}");
    for wrong in ["", "two words", &"x".repeat(129)] {
        let told = livegate.caller().named(wrong).create().await.unwrap_err();
        assert_eq!(told.what(), expected, "{wrong:?}");
    }
    let result = livegate.caller().result(Default::default()).await;
    assert_eq!(result.unwrap_err().what(), expected);
    assert!(livegate.aws.attempts().is_empty());
    assert!(livegate.caller().named("payments").create().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_same_request_id_of_two_callers_is_two_sessions() {
    let livegate = trusting_the_header().await;
    let payments = livegate.caller().named("payments");
    let onboarding = livegate.caller().named("onboarding");
    let theirs = payments.repeat(ID).await.unwrap().session;
    let ours = onboarding.repeat(ID).await.unwrap().session;
    assert_ne!(theirs.session_id, ours.session_id);
    assert!(!theirs.replayed && !ours.replayed);
    let attempts = livegate.aws.attempts();
    assert_ne!(attempts[0].token, attempts[1].token);
    for attempt in attempts {
        assert!(!attempt.token.contains(ID), "a token is no caller's raw id");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_asked_a_name_makes_no_difference() {
    let livegate = Livegate::up().await;
    let first = livegate
        .caller()
        .named("payments")
        .repeat(ID)
        .await
        .unwrap();
    let again = livegate.caller().repeat(ID).await.unwrap();
    assert_eq!(first.session.session_id, again.session.session_id);
}
