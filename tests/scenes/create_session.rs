//! Creating sessions.

use std::time::{Duration, SystemTime};

use livegate::grpc::v1;
use livegate::model::{AuditImagesLimit, ChallengeType};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::aws::answers;
use crate::harness::pipes::{Livegate, REGION, quota};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_new_session_has_its_region_and_three_minutes_of_life() {
    let livegate = Livegate::start().await;
    let before = prost_types::Timestamp::from(wall_clock());
    let issued = livegate.caller().create().await.unwrap();
    let session = issued.session;
    assert_eq!(session.region, REGION);
    assert_eq!(
        uuid::Uuid::parse_str(&session.session_id)
            .unwrap()
            .to_string(),
        session.session_id
    );
    assert!(!session.replayed);
    let created = session.create_time.unwrap();
    let after = prost_types::Timestamp::from(wall_clock());
    let key = |time: &prost_types::Timestamp| (time.seconds, time.nanos);
    assert!(key(&before) <= key(&created) && key(&created) <= key(&after));
    let expires = session.expire_time.unwrap();
    assert_eq!(expires.seconds - created.seconds, 180);
    assert_eq!(expires.nanos, created.nanos);
    assert_eq!(session.time_to_live, Some(seconds(180)));
    assert_eq!((issued.attempts, issued.waited), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn life_counts_from_the_attempt_not_from_the_answer() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([answers().after(2 * SECOND)]);
    let issued = livegate.caller().create().await.unwrap();
    assert_eq!(issued.session.time_to_live, Some(seconds(178)));
}

#[tokio::test(start_paused = true)]
async fn time_in_the_queue_is_reported_and_does_not_shorten_the_session() {
    let livegate = Livegate::with_quota(quota(0.5, 1)).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let second = caller.create().await.unwrap();
    assert_eq!(second.session.time_to_live, Some(seconds(180)));
    assert!(
        (1990..=2010).contains(&second.waited.as_millis()),
        "{second:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn each_call_without_a_request_id_creates_a_session() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let first = caller.create().await.unwrap().session;
    let second = caller.create().await.unwrap().session;
    assert_ne!(first.session_id, second.session_id);
    let attempts = livegate.aws.attempts();
    assert_ne!(attempts[0].token, attempts[1].token);
    for attempt in attempts {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(attempt.token.len() <= 64 && attempt.token.bytes().all(allowed));
    }
}

#[tokio::test(start_paused = true)]
async fn the_requested_settings_reach_aws() {
    let livegate = Livegate::start().await;
    livegate.caller().ask(all_fields()).await.unwrap();
    let sent = livegate.aws.attempts().remove(0).settings;
    assert_eq!(sent.kms_key_id.unwrap().as_str(), "alias/faces");
    let output = sent.output.unwrap();
    assert_eq!(output.bucket.as_str(), "faces");
    assert_eq!(output.key_prefix.unwrap().as_str(), "a/b");
    assert_eq!(sent.audit_images_limit, AuditImagesLimit::new(4).unwrap());
    let [preferred, other] = &sent.challenges[..] else {
        panic!("expected two challenges")
    };
    assert_eq!(preferred.challenge, ChallengeType::FaceMovement);
    let version = preferred.versions.minimum().map(|low| low.to_string());
    assert_eq!(version.as_deref(), Some("1.0.0"));
    assert_eq!(preferred.versions.maximum(), None);
    assert_eq!(other.challenge, ChallengeType::FaceMovementAndLight);
}

fn all_fields() -> v1::CreateSessionRequest {
    let movement = v1::ChallengePreference {
        r#type: v1::ChallengeType::FaceMovementChallenge.into(),
        versions: Some(v1::ChallengeVersions {
            minimum: "1.0.0".to_owned(),
            maximum: String::new(),
        }),
    };
    let light = v1::ChallengePreference {
        r#type: v1::ChallengeType::FaceMovementAndLightChallenge.into(),
        versions: None,
    };
    v1::CreateSessionRequest {
        request_id: String::new(),
        kms_key_id: "alias/faces".to_owned(),
        settings: Some(v1::SessionSettings {
            output_config: Some(v1::OutputConfig {
                s3_bucket: "faces".to_owned(),
                s3_key_prefix: "a/b".to_owned(),
            }),
            audit_images_limit: 4,
            challenge_preferences: vec![movement, light],
        }),
        subject: "jane".to_owned(),
        profile: String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_returns_internal_and_the_next_call_succeeds() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([crate::harness::aws::panics()]);
    let caller = livegate.caller();
    let id = uuid::Uuid::new_v4().to_string();
    let status = caller.repeat(&id).await.unwrap_err();
    assert_eq!(status.code_and_reason(), (Code::Internal, "INTERNAL"));
    assert_eq!(status.pushback, None);
    assert!(caller.repeat(&id).await.is_ok(), "the same request id");
    assert!(caller.create().await.is_ok(), "another request");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_frees_its_position_in_the_queue() {
    let livegate = Livegate::with_quota(quota(0.2, 1)).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let start = Instant::now();
    let cancelled = tokio::spawn({
        let caller = caller.clone();
        async move { caller.create().await }
    });
    tokio::time::sleep(SECOND).await;
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    tokio::time::sleep(SECOND).await;
    let next = caller.create().await.unwrap();
    let elapsed = start.elapsed();
    assert!((4990..=5010).contains(&elapsed.as_millis()), "{elapsed:?}");
    assert!((2990..=3010).contains(&next.waited.as_millis()));
    assert_eq!(livegate.aws.attempts().len(), 2);
}

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

#[expect(clippy::disallowed_methods, reason = "timestamps use the wall clock")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
