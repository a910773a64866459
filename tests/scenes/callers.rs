//! Caller names, and the separation of callers' sessions.

use livegate::auth::AuthMode;
use tonic::Code;

use crate::harness::pipes::{Livegate, Setup};

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

async fn with_trusted_header() -> Livegate {
    Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        ..Setup::default()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_a_valid_name_is_unauthenticated() {
    let livegate = with_trusted_header().await;
    let status = livegate.caller().create().await.unwrap_err();
    let expected = (Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    assert_eq!(status.code_and_reason(), expected);
    assert!(status.message.contains("livegate-caller"), "{status:?}");
    for invalid in ["", "two words", "_overflow", &"x".repeat(129)] {
        let status = livegate.caller().named(invalid).create().await.unwrap_err();
        assert_eq!(status.code_and_reason(), expected, "{invalid:?}");
    }
    let result = livegate.caller().result(Default::default()).await;
    assert_eq!(result.unwrap_err().code_and_reason(), expected);
    assert!(livegate.aws.attempts().is_empty());
    assert!(livegate.caller().named("payments").create().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_same_request_id_of_two_callers_gives_two_sessions() {
    let livegate = with_trusted_header().await;
    let payments = livegate.caller().named("payments");
    let onboarding = livegate.caller().named("onboarding");
    let first = payments.repeat(ID).await.unwrap().session;
    let second = onboarding.repeat(ID).await.unwrap().session;
    assert_ne!(first.session_id, second.session_id);
    assert!(!first.replayed && !second.replayed);
    let attempts = livegate.aws.attempts();
    assert_ne!(attempts[0].token, attempts[1].token);
    for attempt in attempts {
        assert!(
            !attempt.token.contains(ID),
            "the token is not the request id itself"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_authentication_the_caller_name_is_ignored() {
    let livegate = Livegate::start().await;
    let first = livegate
        .caller()
        .named("payments")
        .repeat(ID)
        .await
        .unwrap();
    let again = livegate.caller().repeat(ID).await.unwrap();
    assert_eq!(first.session.session_id, again.session.session_id);
}
