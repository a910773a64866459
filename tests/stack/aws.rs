//! What passes between Livegate and AWS: tokens, credentials, sessions, results.

use std::time::{Duration, Instant};

use livegate::grpc::v1;
use livegate_simulator::{Profile, Settings};
use tonic::Code;

use super::process::{LONGEST, Process, at_once};

#[tokio::test]
async fn however_many_answers_are_lost_each_call_makes_one_session() {
    let settings = Settings {
        profile: Profile::LostAnswer,
        ..at_once()
    };
    let process = Process::up(settings, &["retry.max_attempts=10"]).await;
    let (caller, calls) = (process.caller(), 40);
    let mut sessions = std::collections::HashSet::new();
    for call in 0..calls {
        // Every other one names itself, as careful callers do.
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
    assert!(stats.create.calls > calls as u64, "some answers were lost");
    process.leave().await;
}

#[tokio::test]
async fn credentials_that_are_refused_once_are_renewed_and_the_call_succeeds() {
    let process = Process::up(at_once(), &[]).await;
    let since = loaded_at(&process).await;
    process.play("create:ExpiredTokenException/400");
    assert_eq!(process.caller().create().await.unwrap().attempts, 2);
    let page = process.get("/metrics").await.unwrap();
    assert!(page.contains("\nlivegate_aws_credentials_refreshes_total 1\n"));
    assert_eq!(loaded_at(&process).await, since, "they are the same keys");
    process.leave().await;
}

/// Since when there are these credentials, which do not expire: that alone is told.
async fn loaded_at(process: &Process) -> f64 {
    let page = process.get("/metrics").await.unwrap();
    assert!(!page.contains("livegate_aws_credentials_expiry_timestamp_seconds{"));
    let line = "livegate_aws_credentials_loaded_timestamp_seconds{credentials=\"service\"} ";
    let at = page.lines().find_map(|text| text.strip_prefix(line));
    let at: f64 = at
        .expect("they were loaded before it was ready")
        .parse()
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "a timestamp is the wall's")]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - at;
    assert!((0.0..LONGEST.as_secs_f64()).contains(&age), "{age} s");
    at
}

#[tokio::test]
async fn a_deadline_of_200_ms_against_a_slow_aws_is_kept() {
    let settings = Settings {
        profile: Profile::Slow,
        latency: None,
        ..at_once()
    };
    let process = Process::up(settings, &[]).await;
    let caller = process.caller().within(Duration::from_millis(200));
    let connected = caller.repeat("not a uuid").await.unwrap_err();
    assert_eq!(connected.code, Code::InvalidArgument);
    let begun = now();
    let told = caller.create().await.unwrap_err();
    let took = begun.elapsed();
    assert_eq!(
        told.code_and_reason(),
        (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
    );
    assert!(took < Duration::from_millis(250), "{took:?}");
    process.leave().await;
}

#[tokio::test]
async fn a_result_is_read_with_pictures_for_whoever_asks() {
    let process = Process::up(at_once(), &[]).await;
    let caller = process.caller();
    let request = v1::CreateSessionRequest {
        settings: Some(v1::SessionSettings {
            audit_images_limit: 4,
            ..Default::default()
        }),
        ..Default::default()
    };
    let session = caller.ask(request).await.unwrap().session;
    let read = |include_images| {
        caller.result(v1::GetSessionResultRequest {
            session_id: session.session_id.clone(),
            include_images,
            result_token: session.result_token.clone(),
            ..Default::default()
        })
    };
    let full = read(true).await.unwrap();
    assert_eq!(full.status(), v1::SessionStatus::Succeeded);
    assert!(
        full.confidence
            .is_some_and(|confidence| (0.0..=100.0).contains(&confidence))
    );
    assert_eq!(full.audit_images.len(), 4);
    let picture = full.reference_image.unwrap().bytes;
    assert!(picture.starts_with(&[0xff, 0xd8]), "a JPEG");
    let plain = read(false).await.unwrap();
    assert!(plain.reference_image.unwrap().bytes.is_empty());
    process.play("results:unknown-status");
    let odd = read(false).await.unwrap();
    assert_eq!(odd.status(), v1::SessionStatus::Unspecified, "no success");
    process.leave().await;
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_named_in_the_refusal() {
    let process = Process::up(at_once(), &["results.require_token=false"]).await;
    let session_id = uuid::Uuid::new_v4().to_string();
    let request = v1::GetSessionResultRequest {
        session_id: session_id.clone(),
        ..Default::default()
    };
    let told = process.caller().result(request).await.unwrap_err();
    assert_eq!(
        told.code_and_reason(),
        (Code::NotFound, "SESSION_NOT_FOUND")
    );
    assert!(!format!("{told:?}").contains(&session_id));
    process.leave().await;
}

#[expect(clippy::disallowed_methods, reason = "sockets run in real time")]
fn now() -> Instant {
    Instant::now()
}
