//! All that is wrong with a request is told in one answer, as far as it fits.

use livegate::grpc::v1;
use tonic::Code;

use super::validation::{asked, times};
use crate::harness::pipes::Livegate;

/// What is wrong with the request below, in order.
const ALL_FIELDS: [&str; 10] = [
    "kms_key_id",
    "request_id",
    "settings.audit_images_limit",
    "settings.challenge_preferences[1].type",
    "settings.challenge_preferences[1].versions.maximum",
    "settings.challenge_preferences[1].versions.minimum",
    "settings.challenge_preferences[2].type",
    "settings.challenge_preferences[2].versions",
    "settings.output_config.s3_bucket",
    "settings.output_config.s3_key_prefix",
];

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_is_told_at_once_by_path() {
    let livegate = Livegate::up().await;
    let wrong_range = v1::ChallengeVersions {
        minimum: "2.0.0".to_owned(),
        maximum: "1.0.0".to_owned(),
    };
    let wrong_version = v1::ChallengeVersions {
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
                preference(1, None),
                preference(0, Some(wrong_version)),
                preference(9, Some(wrong_range)),
            ],
        }),
        ..Default::default()
    };
    let told = asked(&livegate, request).await.unwrap();
    let mut fields = told.fields();
    fields.sort_unstable();
    assert_eq!(fields, ALL_FIELDS);
    assert!(ALL_FIELDS.iter().all(|field| told.message.contains(field)));
}

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_with_a_reading_is_told_at_once_and_no_subject_is_repeated() {
    let livegate = Livegate::up().await;
    let request = v1::GetSessionResultRequest {
        session_id: "x".to_owned(),
        subject: times("jane", 33),
        ..Default::default()
    };
    let told = livegate.caller().result(request).await.unwrap_err();
    assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
    assert_eq!(told.fields(), ["session_id", "subject", "result_token"]);
    assert!(!format!("{told:?}").contains("jane"), "{told:?}");
    let request = v1::CreateSessionRequest {
        subject: "jane\n".to_owned(),
        ..Default::default()
    };
    let told = asked(&livegate, request).await.unwrap();
    assert_eq!(told.fields(), ["subject"]);
    assert!(!format!("{told:?}").contains("jane"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_beyond_what_fits_into_headers_is_counted() {
    let livegate = Livegate::up().await;
    let settings = v1::SessionSettings {
        challenge_preferences: vec![v1::ChallengePreference::default(); 5000],
        ..Default::default()
    };
    let request = v1::CreateSessionRequest {
        settings: Some(settings),
        ..Default::default()
    };
    let told = asked(&livegate, request).await.unwrap();
    assert_eq!(told.violations.len(), 16);
    assert!(told.message.ends_with("; and 4984 more"), "{told:?}");
    let details: usize = told.violations.iter().map(|(f, d)| f.len() + d.len()).sum();
    assert!(told.message.len() + details < 4096, "clients read 8 KiB");
}

#[tokio::test(start_paused = true)]
async fn values_that_grow_as_they_are_shown_are_told_as_far_as_they_fit() {
    let livegate = Livegate::up().await;
    let wide = times("\u{10ffff}", 41);
    let preference = v1::ChallengePreference {
        r#type: 1,
        versions: Some(v1::ChallengeVersions {
            minimum: wide.clone(),
            maximum: wide,
        }),
    };
    let settings = v1::SessionSettings {
        challenge_preferences: vec![preference; 8],
        ..Default::default()
    };
    let request = v1::CreateSessionRequest {
        settings: Some(settings),
        ..Default::default()
    };
    let told = asked(&livegate, request).await.unwrap();
    let details: usize = told.violations.iter().map(|(f, d)| f.len() + d.len()).sum();
    assert!(
        (1000..2400).contains(&details),
        "clients read 8 KiB: {details}"
    );
    assert!(told.message.ends_with(" more"), "{told:?}");
}
