//! The lifetime of sessions and tokens, with explicit time.

use std::time::Duration;

use serde_json::json;

use super::*;

fn sessions() -> Sessions {
    Sessions::new(
        Lifetimes::default(),
        CheckSettings::default(),
        fastrand::Rng::with_seed(1),
    )
}

fn request(body: &Value) -> CreateRequest {
    CreateRequest::parse(body.to_string().as_bytes()).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_session_changes_from_created_to_deleted() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let id = sessions.create(request(&json!({})), now).unwrap().id();
    for (age, status) in [
        (0, "CREATED"),
        (2, "IN_PROGRESS"),
        (5, "SUCCEEDED"),
        (179, "SUCCEEDED"),
        (180, "EXPIRED"),
        (479, "EXPIRED"),
    ] {
        let result = sessions.result(id, now + seconds(age)).unwrap();
        assert_eq!(
            (&result["Status"], &result["SessionId"]),
            (&json!(status), &json!(id.to_string()))
        );
    }
    let error = sessions.result(id, now + seconds(480)).unwrap_err();
    assert_eq!(error.code, "SessionNotFoundException");
    assert_eq!(sessions.len(), 0);
}

#[test]
fn an_expired_session_has_no_result() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let id = sessions.create(request(&json!({})), now).unwrap().id();
    let result = sessions.result(id, now + seconds(180)).unwrap();
    assert_eq!(
        result,
        json!({"SessionId": id.to_string(), "Status": "EXPIRED"})
    );
}

#[test]
fn a_token_returns_its_session_until_both_are_deleted() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let create = || request(&json!({"ClientRequestToken": "t"}));
    let first = sessions.create(create(), now).unwrap();
    let again = sessions.create(create(), now + seconds(479)).unwrap();
    assert_eq!(again, Created::Replayed(first.id()));
    let Created::New(id) = sessions.create(create(), now + seconds(480)).unwrap() else {
        panic!("the token was not deleted");
    };
    assert_ne!(id, first.id());
}

#[test]
fn a_token_with_other_parameters_is_a_mismatch_and_changes_nothing() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let plain = || request(&json!({"ClientRequestToken": "t"}));
    let first = sessions.create(plain(), now).unwrap();
    for other in [
        json!({"ClientRequestToken": "t", "KmsKeyId": "k"}),
        json!({"ClientRequestToken": "t", "Settings": {"AuditImagesLimit": 1}}),
        json!({"ClientRequestToken": "t", "Settings": {"OutputConfig": {"S3Bucket": "abc"}}}),
    ] {
        let error = sessions.create(request(&other), now).unwrap_err();
        assert_eq!(error.code, "IdempotentParameterMismatchException");
    }
    assert_eq!(
        sessions.create(plain(), now).unwrap(),
        Created::Replayed(first.id())
    );
}

#[test]
fn creates_without_a_token_create_separate_sessions() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let mut create = || sessions.create(request(&json!({})), now).unwrap().id();
    assert_ne!(create(), create());
}

#[test]
fn a_success_has_the_requested_images_and_a_box_that_exceeds_the_image() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let body = json!({"Settings": {"AuditImagesLimit": 4}});
    let id = sessions.create(request(&body), now).unwrap().id();
    let result = sessions.result(id, now + seconds(6)).unwrap();
    assert!(
        result["ReferenceImage"]["Bytes"]
            .as_str()
            .unwrap()
            .starts_with("/9j/")
    );
    let images = result["AuditImages"].as_array().unwrap();
    assert_eq!(images.len(), 4);
    assert!(
        images
            .iter()
            .any(|image| image["BoundingBox"]["Top"].as_f64().unwrap() < 0.0)
    );
    assert!(
        images
            .iter()
            .any(|image| image["BoundingBox"]["Height"].as_f64().unwrap() > 1.0)
    );
}

#[test]
fn with_an_output_config_the_images_are_s3_objects() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let output = json!({"S3Bucket": "faces", "S3KeyPrefix": "a/b"});
    let body = json!({"Settings": {"OutputConfig": output}});
    let id = sessions.create(request(&body), now).unwrap().id();
    let image = &sessions.result(id, now + seconds(6)).unwrap()["ReferenceImage"];
    let name = format!("a/b/{id}/reference.jpg");
    assert_eq!(image["S3Object"], json!({"Bucket": "faces", "Name": name}));
    assert!(image.get("Bytes").is_none());
}

#[test]
fn the_challenge_is_the_first_preference_within_its_versions() {
    for (versions, expected) in [
        (json!({}), "1.0.0"),
        (json!({"Minimum": "1.10.0"}), "1.10.0"),
        (json!({"Minimum": "0.1.0", "Maximum": "0.9.10"}), "0.9.10"),
    ] {
        let (mut sessions, now) = (sessions(), Instant::now());
        let preference = json!({"Type": "FaceMovementChallenge", "Versions": versions});
        let body = json!({"Settings": {"ChallengePreferences": [preference]}});
        let id = sessions.create(request(&body), now).unwrap().id();
        let challenge = &sessions.result(id, now + seconds(3)).unwrap()["Challenge"];
        assert_eq!(
            *challenge,
            json!({"Type": "FaceMovementChallenge", "Version": expected})
        );
    }
}

#[test]
fn of_five_sessions_one_fails_and_one_has_a_low_confidence() {
    let (mut sessions, now) = (sessions(), Instant::now());
    let results: Vec<_> = (0..5)
        .map(|_| sessions.create(request(&json!({})), now).unwrap().id())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|id| sessions.result(id, now + seconds(6)).unwrap())
        .collect();
    assert_eq!(results[4]["Status"], "FAILED");
    assert_eq!(results[4]["Feedback"][0]["Code"], "FACE_NOT_ALIGNED");
    let live = |result: &&Value| result["Confidence"].as_f64().is_some_and(|c| c > 90.0);
    assert_eq!(results.iter().filter(live).count(), 3);
}
