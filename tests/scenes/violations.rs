//! A response lists all violations of a request, as far as they fit.

use livegate::grpc::v1;
use tonic::Code;

use super::validation::{times, violations_of};
use crate::harness::pipes::Livegate;

/// The violations of the request below, in order.
const ALL_FIELDS: [&str; 11] = [
    "kms_key_id",
    "request_id",
    "settings.audit_images_limit",
    "settings.challenge_preferences",
    "settings.challenge_preferences[0].type",
    "settings.challenge_preferences[0].versions.maximum",
    "settings.challenge_preferences[0].versions.minimum",
    "settings.challenge_preferences[1].type",
    "settings.challenge_preferences[1].versions",
    "settings.output_config.s3_bucket",
    "settings.output_config.s3_key_prefix",
];

#[tokio::test(start_paused = true)]
async fn all_violations_are_reported_at_once_by_path() {
    let livegate = Livegate::start().await;
    let invalid_range = v1::ChallengeVersions {
        minimum: "2.0.0".to_owned(),
        maximum: "1.0.0".to_owned(),
    };
    let invalid_version = v1::ChallengeVersions {
        minimum: "one".to_owned(),
        maximum: "1.0".to_owned(),
    };
    let preference = |r#type, versions| v1::ChallengePreference { r#type, versions };
    let request = v1::CreateSessionRequest {
        request_id: "mine".to_owned(),
        kms_key_id: "no key".to_owned(),
        settings: Some(v1::SessionSettings {
            output_config: Some(v1::OutputConfig {
                s3_bucket: String::new(),
                s3_key_prefix: "\n".to_owned(),
            }),
            audit_images_limit: 5,
            challenge_preferences: vec![
                preference(0, Some(invalid_version)),
                preference(9, Some(invalid_range)),
                preference(1, None),
            ],
        }),
        ..Default::default()
    };
    let status = violations_of(&livegate, request).await.unwrap();
    let mut fields = status.fields();
    fields.sort_unstable();
    assert_eq!(fields, ALL_FIELDS);
    assert!(
        ALL_FIELDS
            .iter()
            .all(|field| status.message.contains(field))
    );
}

#[tokio::test(start_paused = true)]
async fn all_violations_of_a_read_are_reported_without_the_subject() {
    let livegate = Livegate::start().await;
    let request = v1::GetSessionResultRequest {
        session_id: "x".to_owned(),
        subject: times("jane", 33),
        ..Default::default()
    };
    let status = livegate.caller().result(request).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_eq!(status.fields(), ["session_id", "subject", "result_token"]);
    assert!(!format!("{status:?}").contains("jane"), "{status:?}");
    let request = v1::CreateSessionRequest {
        subject: "jane\n".to_owned(),
        ..Default::default()
    };
    let status = violations_of(&livegate, request).await.unwrap();
    assert_eq!(status.fields(), ["subject"]);
    assert!(!format!("{status:?}").contains("jane"), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn values_that_grow_when_escaped_are_reported_as_far_as_they_fit() {
    let livegate = Livegate::start().await;
    let wide = times("\u{10ffff}", 41);
    let preference = v1::ChallengePreference {
        r#type: 1,
        versions: Some(v1::ChallengeVersions {
            minimum: wide.clone(),
            maximum: wide.clone(),
        }),
    };
    let settings = v1::SessionSettings {
        challenge_preferences: vec![preference; 2],
        output_config: Some(v1::OutputConfig {
            s3_bucket: wide.clone(),
            s3_key_prefix: wide.clone(),
        }),
        ..Default::default()
    };
    let request = v1::CreateSessionRequest {
        kms_key_id: wide,
        settings: Some(settings),
        ..Default::default()
    };
    let status = violations_of(&livegate, request).await.unwrap();
    let details: usize = status
        .violations
        .iter()
        .map(|(f, d)| f.len() + d.len())
        .sum();
    assert!(
        (1000..2400).contains(&details),
        "clients accept 8 KiB of headers: {details}"
    );
    assert!(status.message.ends_with(" more"), "{status:?}");
}
