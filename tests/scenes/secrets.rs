//! Session ids, tokens, request ids and pictures stay out of logs and failures.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use livegate::grpc::v1;
use livegate::model::{Image, LivenessResult, SessionStatus};
use livegate::upstream::UpstreamErrorKind as Kind;

use crate::harness::aws::{created, fails, never_answers, reads};
use crate::harness::caller::Caller;
use crate::harness::logs::Logs;
use crate::harness::pipes::Livegate;

const PICTURE: &[u8] = b"the picture of somebody's face";
const SUBJECT: &str = "jane@example.org";
const CONFIDENCE: f32 = 93.71828;

fn result(session: &str) -> LivenessResult {
    LivenessResult {
        status: SessionStatus::Succeeded,
        confidence: Some(CONFIDENCE),
        reference_image: Some(Image {
            bytes: Some(Bytes::from_static(PICTURE)),
            stored: None,
            bounding_box: None,
        }),
        ..created(session)
    }
}

async fn read(livegate: &Livegate, caller: &Caller, owned: &v1::Session) {
    let session = &owned.session_id;
    let request = v1::GetSessionResultRequest {
        session_id: session.to_owned(),
        include_images: true,
        subject: SUBJECT.to_owned(),
        result_token: owned.result_token.clone(),
    };
    livegate.aws.will([reads(result(session))]);
    caller.result(request.clone()).await.unwrap();
    let told = caller.result(request.clone()).await.unwrap_err();
    assert!(!format!("{told:?}").contains(session), "{told:?}");
    let stranger = v1::GetSessionResultRequest {
        subject: "a stranger".to_owned(),
        ..request
    };
    let told = format!("{:?}", caller.result(stranger).await.unwrap_err());
    for secret in [session, &owned.result_token, "a stranger"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_session_could_be_taken_over_with_is_logged() {
    let logs = Logs::captured();
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    let request_id = uuid::Uuid::new_v4().to_string();
    livegate.aws.will([fails(Kind::Throttled)]);
    let request = v1::CreateSessionRequest {
        request_id: request_id.clone(),
        subject: SUBJECT.to_owned(),
        ..Default::default()
    };
    let session = caller.ask(request.clone()).await.unwrap().session;
    caller.ask(request).await.unwrap();
    livegate
        .aws
        .will([never_answers(), fails(Kind::RequestConflict)]);
    let late = caller.within(Duration::from_secs(1)).create().await;
    assert!(late.is_err() && caller.create().await.is_err());
    read(&livegate, &caller, &session).await;
    let logged = logs.text();
    for attempt in livegate.aws.attempts() {
        assert!(!logged.contains(&attempt.token));
    }
    let picture = [
        String::from_utf8_lossy(PICTURE).into_owned(),
        BASE64_STANDARD.encode(PICTURE),
        format!("{PICTURE:?}"),
    ];
    let owner = [SUBJECT, "a stranger", &session.result_token].map(str::to_owned);
    let ids = [request_id, session.session_id].into_iter();
    for secret in ids.chain(owner).chain(picture) {
        assert!(!logged.contains(&secret), "{secret} was logged");
    }
    assert!(!logged.contains("93.71"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_logged_once_with_the_id_that_its_caller_has() {
    let logs = Logs::captured();
    let livegate = Livegate::up().await;
    livegate.aws.will([fails(Kind::AccessDenied)]);
    let told = livegate.caller().create().await.unwrap_err();
    let logged = logs.text();
    let failures: Vec<_> = logged
        .lines()
        .filter(|line| line.contains("failure="))
        .collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains(&told.call_id), "{failures:?}");
    assert!(
        failures[0].contains("ERROR"),
        "a person must act: {failures:?}"
    );
}
