//! Calls between Livegate and AWS: request tokens, credentials, sessions, results.

use std::time::{Duration, Instant};

use livegate::grpc::v1;
use livegate_simulator::{Profile, Settings};
use tonic::Code;

use super::process::{Process, TIMEOUT, at_once};

#[tokio::test]
async fn each_call_creates_one_session_however_many_responses_are_lost() {
    let settings = Settings {
        profile: Profile::LostAnswer,
        ..at_once()
    };
    let process = Process::start(settings, &["retry.max_attempts=10"]).await;
    let (caller, calls) = (process.caller(), 40);
    let mut sessions = std::collections::HashSet::new();
    for call in 0..calls {
        // Every other call has a request id.
        let id = if call % 2 == 0 {
            uuid::Uuid::new_v4().to_string()
        } else {
            String::new()
        };
        let issued = caller.repeat(&id).await.unwrap();
        sessions.insert(issued.session.session_id);
    }
    let stats = process.simulator.stats();
    assert_eq!(sessions.len(), calls);
    assert_eq!(stats.sessions_made, calls as u64);
    assert_eq!(stats.distinct_tokens, calls as u64);
    assert!(
        stats.create.calls > calls as u64,
        "some responses were lost"
    );
    process.shut_down().await;
}

#[tokio::test]
async fn credentials_rejected_once_are_refreshed_and_the_call_succeeds() {
    let process = Process::start(at_once(), &[]).await;
    let before = loaded_at(&process).await;
    process.inject("create:ExpiredTokenException/400");
    assert_eq!(process.caller().create().await.unwrap().attempts, 2);
    let page = process.get("/metrics").await.unwrap();
    assert!(page.contains("\nlivegate_aws_credentials_refreshes_total 1\n"));
    assert_eq!(loaded_at(&process).await, before, "they are the same keys");
    process.shut_down().await;
}

/// Returns when the credentials were loaded. They do not expire, so that no expiry is
/// exported.
async fn loaded_at(process: &Process) -> f64 {
    let page = process.get("/metrics").await.unwrap();
    assert!(!page.contains("livegate_aws_credentials_expiry_timestamp_seconds{"));
    let line = "livegate_aws_credentials_loaded_timestamp_seconds{credentials=\"service\"} ";
    let loaded = page.lines().find_map(|text| text.strip_prefix(line));
    let loaded: f64 = loaded
        .expect("they were loaded before it was ready")
        .parse()
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "a timestamp is wall-clock time")]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - loaded;
    assert!((0.0..TIMEOUT.as_secs_f64()).contains(&age), "{age} s");
    loaded
}

#[tokio::test]
async fn a_deadline_of_200_ms_holds_with_a_slow_aws() {
    let settings = Settings {
        profile: Profile::Slow,
        latency: None,
        ..at_once()
    };
    let process = Process::start(settings, &[]).await;
    let caller = process.caller().within(Duration::from_millis(200));
    let connected = caller.repeat("not a uuid").await.unwrap_err();
    assert_eq!(connected.code, Code::InvalidArgument);
    let start = now();
    let error = caller.create().await.unwrap_err();
    let took = start.elapsed();
    assert_eq!(
        error.code_and_reason(),
        (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
    );
    assert!(took < Duration::from_millis(250), "{took:?}");
    process.shut_down().await;
}

#[tokio::test]
async fn images_are_returned_only_if_requested() {
    let process = Process::start(at_once(), &[]).await;
    let caller = process.caller();
    let request = v1::CreateSessionRequest {
        settings: Some(v1::SessionSettings {
            audit_images_limit: 4,
            ..Default::default()
        }),
        ..Default::default()
    };
    let session = caller.ask(request).await.unwrap().session;
    let read = |session: &v1::Session, include_images| {
        caller.result(v1::GetSessionResultRequest {
            session_id: session.session_id.clone(),
            include_images,
            result_token: session.result_token.clone(),
            ..Default::default()
        })
    };
    let full = read(&session, true).await.unwrap();
    assert_eq!(full.status(), v1::SessionStatus::Succeeded);
    assert!(
        full.confidence
            .is_some_and(|confidence| (0.0..=100.0).contains(&confidence))
    );
    assert_eq!(full.audit_images.len(), 4);
    let image = full.reference_image.unwrap().bytes;
    assert!(image.starts_with(&[0xff, 0xd8]), "a JPEG");
    let without = read(&session, false).await.unwrap();
    assert!(without.reference_image.unwrap().bytes.is_empty());
    let another = caller.create().await.unwrap().session;
    process.inject("results:unknown-status");
    let unknown = read(&another, false).await.unwrap();
    assert_eq!(
        unknown.status(),
        v1::SessionStatus::Unspecified,
        "not a success"
    );
    process.shut_down().await;
}

#[tokio::test]
async fn an_error_about_an_unknown_session_does_not_repeat_its_id() {
    let process = Process::start(at_once(), &["results.require_token=false"]).await;
    let session_id = uuid::Uuid::new_v4().to_string();
    let request = v1::GetSessionResultRequest {
        session_id: session_id.clone(),
        ..Default::default()
    };
    let error = process.caller().result(request).await.unwrap_err();
    assert_eq!(
        error.code_and_reason(),
        (Code::NotFound, "SESSION_NOT_FOUND")
    );
    assert!(!format!("{error:?}").contains(&session_id));
    process.shut_down().await;
}

#[expect(clippy::disallowed_methods, reason = "sockets run in real time")]
fn now() -> Instant {
    Instant::now()
}
