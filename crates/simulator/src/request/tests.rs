//! Valid and invalid requests, and the members that the errors name.

use serde_json::json;

use super::*;

fn create(body: &Value) -> Result<CreateRequest, AwsError> {
    CreateRequest::parse(body.to_string().as_bytes())
}

fn settings(name: &str, value: impl Into<Value>) -> Value {
    let value = value.into();
    json!({"Settings": {name: value}})
}

fn output(value: &Value) -> Value {
    settings("OutputConfig", value.clone())
}

fn versions(version: &str) -> Value {
    let challenge = json!({"Type": CHALLENGES[1], "Versions": {"Minimum": version}});
    settings("ChallengePreferences", json!([challenge]))
}

#[test]
fn requests_within_the_service_model_are_valid() {
    for body in [
        json!({}),
        json!({"ClientRequestToken": null, "Settings": null, "Unknown": [1, {}]}),
        json!({"ClientRequestToken": "a"}),
        json!({"ClientRequestToken": "aZ09-_".repeat(10) + "abcd"}),
        json!({"KmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/1234,@=+_.-"}),
        json!({"KmsKeyId": "k".repeat(2048)}),
        output(&json!({"S3Bucket": "a.b-c_D9"})),
        output(&json!({"S3Bucket": "b".repeat(255), "S3KeyPrefix": ""})),
        output(&json!({"S3Bucket": "abc", "S3KeyPrefix": "é".repeat(950)})),
        settings("AuditImagesLimit", json!(0)),
        settings("AuditImagesLimit", json!(4)),
        settings("ChallengePreferences", json!([])),
        settings(
            "ChallengePreferences",
            json!([{"Type": CHALLENGES[0], "Versions": {}}]),
        ),
        versions("0.0.0"),
        versions("999.10.100"),
    ] {
        assert_eq!(create(&body).err(), None, "{body}");
    }
}

fn invalid_members() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"ClientRequestToken": ""}), "clientRequestToken"),
        (
            json!({"ClientRequestToken": "a".repeat(65)}),
            "clientRequestToken",
        ),
        (json!({"ClientRequestToken": "a b"}), "clientRequestToken"),
        (
            json!({"ClientRequestToken": "token\n"}),
            "clientRequestToken",
        ),
        (json!({"KmsKeyId": ""}), "kmsKeyId"),
        (json!({"KmsKeyId": "-key"}), "kmsKeyId"),
        (json!({"KmsKeyId": "a key"}), "kmsKeyId"),
        (json!({"KmsKeyId": "k".repeat(2049)}), "kmsKeyId"),
    ]
}

fn invalid_settings() -> Vec<(Value, &'static str)> {
    let (bucket, prefix) = (
        "settings.outputConfig.s3Bucket",
        "settings.outputConfig.s3KeyPrefix",
    );
    let challenges = |value| settings("ChallengePreferences", value);
    vec![
        (output(&json!({})), bucket),
        (output(&json!({"S3Bucket": "ab"})), bucket),
        (output(&json!({"S3Bucket": "b".repeat(256)})), bucket),
        (output(&json!({"S3Bucket": "a/bucket"})), bucket),
        (
            output(&json!({"S3Bucket": "abc", "S3KeyPrefix": "a b"})),
            prefix,
        ),
        (
            output(&json!({"S3Bucket": "abc", "S3KeyPrefix": "p".repeat(951)})),
            prefix,
        ),
        (
            settings("AuditImagesLimit", json!(-1)),
            "settings.auditImagesLimit",
        ),
        (
            settings("AuditImagesLimit", json!(5)),
            "settings.auditImagesLimit",
        ),
        (
            challenges(json!([{"Type": CHALLENGES[0]}, {}])),
            "challengePreferences.2.member.type",
        ),
        (
            challenges(json!([{"Type": "other"}])),
            "challengePreferences.1.member.type",
        ),
    ]
}

#[test]
fn a_violation_is_an_invalid_parameter_and_names_the_member() {
    let bad_versions = ["1.0", "1.0.0.0", "01.0.0", "1000.0.0", "1.0.٣", "1.0.0\n"];
    let bad_versions = bad_versions
        .map(|version| (versions(version), "versions.minimum"))
        .to_vec();
    for (body, member) in [invalid_members(), invalid_settings(), bad_versions].concat() {
        let error = create(&body).unwrap_err();
        assert_eq!(
            (error.code, error.status),
            ("InvalidParameterException", 400),
            "{body}"
        );
        assert!(
            error.message.contains(&format!("{member}'")),
            "{body}: {}",
            error.message
        );
    }
}

#[test]
fn json_of_the_wrong_type_is_a_serialization_error() {
    for body in [
        json!([]),
        json!("text"),
        json!({"ClientRequestToken": 1}),
        json!({"KmsKeyId": true}),
        json!({"KmsKeyId": ["a"]}),
        json!({"Settings": []}),
        output(&json!("bucket")),
        output(&json!({"S3Bucket": {}})),
        settings("AuditImagesLimit", json!("1")),
        settings("AuditImagesLimit", json!(1.5)),
        settings("AuditImagesLimit", json!(1u64 << 40)),
        settings("ChallengePreferences", json!({})),
        settings("ChallengePreferences", json!(["FaceMovementChallenge"])),
    ] {
        assert_eq!(
            create(&body).unwrap_err().code,
            "SerializationException",
            "{body}"
        );
    }
    for body in ["", "{", "{\"a\":}", "{} {}"] {
        let error = CreateRequest::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.code, "SerializationException", "{body}");
    }
}

#[test]
fn one_error_lists_all_violations() {
    let body = json!({"ClientRequestToken": "", "Settings": {"AuditImagesLimit": 5}});
    let message = create(&body).unwrap_err().message;
    assert!(message.starts_with("3 validation errors detected: Value '' at 'clientRequestToken'"));
    assert!(
        message.ends_with("Member must have value less than or equal to 4"),
        "{message}"
    );
}

#[test]
fn an_absent_member_equals_its_default() {
    let bare = create(&json!({})).unwrap();
    for body in [
        json!({"Settings": {}}),
        settings("AuditImagesLimit", json!(0)),
        settings("ChallengePreferences", json!([])),
    ] {
        assert_eq!(create(&body).unwrap(), bare);
    }
}

#[test]
fn a_session_id_is_required_and_must_be_a_lower_case_uuid() {
    let parse = |body: Value| parse_session_id(body.to_string().as_bytes());
    let id = "0f9a3a60-5d1f-4b0e-9b35-0c7e3ac9d5d1";
    assert_eq!(parse(json!({"SessionId": id})).unwrap().to_string(), id);
    for body in [
        json!({}),
        json!({"SessionId": ""}),
        json!({"SessionId": id.to_uppercase()}),
        json!({"SessionId": id.replace('-', "0")}),
        json!({"SessionId": format!("{id} ")}),
    ] {
        let error = parse(body).unwrap_err();
        assert_eq!(error.code, "InvalidParameterException");
        assert!(error.message.contains("'sessionId'"));
    }
}
