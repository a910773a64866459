//! Session ids, tokens, request ids and images stay out of logs and errors.

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

const IMAGE: &[u8] = b"the image of a face";
const SUBJECT: &str = "jane@example.org";
const CONFIDENCE: f32 = 93.71828;

fn result(session: &str) -> LivenessResult {
    LivenessResult {
        status: SessionStatus::Succeeded,
        confidence: Some(CONFIDENCE),
        reference_image: Some(Image {
            bytes: Some(Bytes::from_static(IMAGE)),
            stored: None,
            bounding_box: None,
        }),
        ..created(session)
    }
}

async fn read(livegate: &Livegate, caller: &Caller, created: &v1::Session) {
    let session = &created.session_id;
    let request = v1::GetSessionResultRequest {
        session_id: session.to_owned(),
        include_images: true,
        subject: SUBJECT.to_owned(),
        result_token: created.result_token.clone(),
        ..Default::default()
    };
    let status = caller.result(request.clone()).await.unwrap_err();
    assert!(!format!("{status:?}").contains(session), "{status:?}");
    livegate.aws.plan([reads(result(session))]);
    caller.result(request.clone()).await.unwrap();
    let stranger = v1::GetSessionResultRequest {
        subject: "a stranger".to_owned(),
        ..request
    };
    let status = format!("{:?}", caller.result(stranger).await.unwrap_err());
    for secret in [session, &created.result_token, "a stranger"] {
        assert!(!status.contains(secret), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_logged() {
    let logs = Logs::captured();
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let request_id = uuid::Uuid::new_v4().to_string();
    livegate.aws.plan([fails(Kind::Throttled)]);
    let request = v1::CreateSessionRequest {
        request_id: request_id.clone(),
        subject: SUBJECT.to_owned(),
        ..Default::default()
    };
    let session = caller.ask(request.clone()).await.unwrap().session;
    caller.ask(request).await.unwrap();
    livegate
        .aws
        .plan([never_answers(), fails(Kind::RequestConflict)]);
    let late = caller.within(Duration::from_secs(1)).create().await;
    assert!(late.is_err() && caller.create().await.is_err());
    read(&livegate, &caller, &session).await;
    let logged = logs.text();
    for attempt in livegate.aws.attempts() {
        assert!(!logged.contains(&attempt.token));
    }
    let image = [
        String::from_utf8_lossy(IMAGE).into_owned(),
        BASE64_STANDARD.encode(IMAGE),
        format!("{IMAGE:?}"),
    ];
    let owner = [SUBJECT, "a stranger", &session.result_token].map(str::to_owned);
    let ids = [request_id, session.session_id].into_iter();
    for secret in ids.chain(owner).chain(image) {
        assert!(!logged.contains(&secret), "{secret} was logged");
    }
    assert!(!logged.contains("93.71"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_logged_once_with_its_call_id() {
    let logs = Logs::captured();
    let livegate = Livegate::start().await;
    livegate.aws.plan([fails(Kind::AccessDenied)]);
    let status = livegate.caller().create().await.unwrap_err();
    let logged = logs.text();
    let failures: Vec<_> = logged
        .lines()
        .filter(|line| line.contains("error="))
        .collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains(&status.call_id), "{failures:?}");
    assert!(
        failures[0].contains("ERROR"),
        "a person must act: {failures:?}"
    );
}
