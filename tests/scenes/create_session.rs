//! A session is asked for and issued.

use std::time::{Duration, SystemTime};

use livegate::grpc::v1;
use livegate::model::{AuditImagesLimit, ChallengeType};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::aws::answers;
use crate::harness::pipes::{Livegate, REGION, quota};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_caller_gets_a_session_with_its_region_and_three_minutes_of_life() {
    let livegate = Livegate::up().await;
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
    let order = |time: &prost_types::Timestamp| (time.seconds, time.nanos);
    assert!(order(&before) <= order(&created) && order(&created) <= order(&after));
    let expires = session.expire_time.unwrap();
    assert_eq!(expires.seconds - created.seconds, 180);
    assert_eq!(expires.nanos, created.nanos);
    assert_eq!(session.time_to_live, Some(seconds(180)));
    assert_eq!((issued.attempts, issued.waited), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn life_counts_from_the_moment_the_attempt_left_not_from_the_answer() {
    let livegate = Livegate::up().await;
    livegate.aws.will([answers().after(2 * SECOND)]);
    let issued = livegate.caller().create().await.unwrap();
    assert_eq!(issued.session.time_to_live, Some(seconds(178)));
}

#[tokio::test(start_paused = true)]
async fn time_in_the_line_is_not_taken_from_the_session_and_is_told() {
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
async fn each_call_without_a_request_id_is_another_session() {
    let livegate = Livegate::up().await;
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
async fn what_the_caller_asks_for_reaches_aws() {
    let livegate = Livegate::up().await;
    livegate.caller().ask(everything()).await.unwrap();
    let asked = livegate.aws.attempts().remove(0).settings;
    assert_eq!(asked.kms_key_id.unwrap().as_str(), "alias/faces");
    let output = asked.output.unwrap();
    assert_eq!(output.bucket.as_str(), "faces");
    assert_eq!(output.key_prefix.unwrap().as_str(), "a/b");
    assert_eq!(asked.audit_images_limit, AuditImagesLimit::new(4).unwrap());
    let [preferred, other] = &asked.challenges[..] else {
        panic!("two challenges, in their order")
    };
    assert_eq!(preferred.challenge, ChallengeType::FaceMovement);
    let version = preferred.versions.minimum().map(|low| low.to_string());
    assert_eq!(version.as_deref(), Some("1.0.0"));
    assert_eq!(preferred.versions.maximum(), None);
    assert_eq!(other.challenge, ChallengeType::FaceMovementAndLight);
}

fn everything() -> v1::CreateSessionRequest {
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
async fn a_panic_answers_internal_and_the_next_call_works() {
    let livegate = Livegate::up().await;
    livegate.aws.will([crate::harness::aws::panics()]);
    let caller = livegate.caller();
    let id = uuid::Uuid::new_v4().to_string();
    let told = caller.repeat(&id).await.unwrap_err();
    assert_eq!(told.what(), (Code::Internal, "INTERNAL"));
    assert_eq!(told.pushback, None);
    assert!(caller.repeat(&id).await.is_ok(), "the same request");
    assert!(caller.create().await.is_ok(), "and another");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_frees_its_place_in_the_line() {
    let livegate = Livegate::with_quota(quota(0.2, 1)).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let begun = Instant::now();
    let given_up = tokio::spawn({
        let caller = caller.clone();
        async move { caller.create().await }
    });
    tokio::time::sleep(SECOND).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    tokio::time::sleep(SECOND).await;
    let next = caller.create().await.unwrap();
    let came = begun.elapsed();
    assert!((4990..=5010).contains(&came.as_millis()), "{came:?}");
    assert!((2990..=3010).contains(&next.waited.as_millis()));
    assert_eq!(livegate.aws.attempts().len(), 2);
}

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

#[expect(clippy::disallowed_methods, reason = "timestamps are the wall's")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
