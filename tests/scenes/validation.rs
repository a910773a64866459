//! Field constraints, at both bounds.

use livegate::grpc::v1;
use tonic::Code;

use crate::harness::fields::{
    BUCKET, Field, KMS_KEY, MAXIMUM, MINIMUM, PREFIX, REQUEST_ID, challenge, images, versions,
};
use crate::harness::pipes::Livegate;
use crate::harness::status::CallStatus;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

pub(super) fn times(text: &str, count: usize) -> String {
    text.repeat(count)
}

/// Sends `request` and returns its status if it is invalid. Checks that only valid requests
/// reach AWS.
pub(super) async fn violations_of(
    livegate: &Livegate,
    request: v1::CreateSessionRequest,
) -> Option<CallStatus> {
    let sent = livegate.aws.attempts().len();
    let status = livegate.caller().ask(request).await.err();
    let expected = if status.is_some() { sent } else { sent + 1 };
    assert_eq!(livegate.aws.attempts().len(), expected);
    if let Some(status) = &status {
        assert_eq!(
            status.code_and_reason(),
            (Code::InvalidArgument, "INVALID_REQUEST")
        );
        assert_eq!(status.pushback, None);
    }
    status
}

async fn check(field: &Field, valid: &[&str], invalid: &[&str]) {
    let livegate = Livegate::start().await;
    for value in valid {
        let status = violations_of(&livegate, (field.with)(value)).await;
        assert_eq!(status, None, "{} = {value:?}", field.path);
    }
    for value in invalid {
        let status = violations_of(&livegate, (field.with)(value)).await;
        let status = status.unwrap_or_else(|| panic!("{} = {value:?} was sent", field.path));
        assert_eq!(status.fields(), [field.path], "{value:?}");
        let (_, problem) = &status.violations[0];
        assert!(problem.starts_with("must "), "{problem}");
        assert!(
            problem.len() < 400,
            "an invalid value is truncated: {problem}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_id_is_a_uuid_of_36_characters() {
    let bare = ID.replace('-', "");
    let braced = format!("{{{ID}}}");
    let invalid = [
        "x",
        &bare,
        &braced,
        &ID[1..],
        &times("0", 36),
        &format!("{ID}\n"),
    ];
    check(
        &REQUEST_ID,
        &["", ID, "0B5E3A4C-7D57-4F0E-9A51-6B5C1F7F3A11"],
        &invalid,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_kms_key_has_up_to_2048_permitted_characters() {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab";
    let (most, more) = (times("k", 2048), times("k", 2049));
    let invalid = ["-k", "_k", "k k", "k\n", "k\u{0}", "clé", "k٣", "k*", &more];
    check(
        &KMS_KEY,
        &["", "k", "9", arn, "a:_/+=,@.-", &most],
        &invalid,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_has_3_to_255_characters_and_is_required() {
    let (most, more) = (times("b", 255), times("b", 256));
    let invalid = [
        "", "ab", "a b", "abc\n", "abc\t", "a/b/c", "été", "a٣b", &more,
    ];
    check(&BUCKET, &["abc", "A.b-c_9", "...", &most], &invalid).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_prefix_has_up_to_950_characters_and_no_white_space() {
    let (most, more) = (times("é", 950), times("é", 951));
    let invalid = [
        "a b", " ", "a\n", "a\u{a0}b", "\u{2003}", "a\u{0}", "a\u{7f}", &more,
    ];
    check(&PREFIX, &["", "a", "a/b?*", &most], &invalid).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_is_three_ascii_numbers_up_to_999() {
    let valid = ["", "0.0.0", "1.0.0", "999.999.999", "10.0.7"];
    let invalid = [
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.00.0",
        "1000.0.0",
        "1.0.-1",
        "1.0.+1",
        "1.0.٣",
        "1.0.０",
        "1..0",
        " 1.0.0",
        "1.0.0\n",
        "v1.0.0",
        "1.0.0\u{0}",
    ];
    check(&MINIMUM, &valid, &invalid).await;
    check(&MAXIMUM, &valid, &invalid).await;
}

#[tokio::test(start_paused = true)]
async fn a_minimum_is_not_above_its_maximum() {
    let livegate = Livegate::start().await;
    for (low, high) in [
        ("1.0.0", "1.0.0"),
        ("1.9.0", "1.10.0"),
        ("0.0.999", "1.0.0"),
    ] {
        assert_eq!(
            violations_of(&livegate, versions(low, high)).await,
            None,
            "{low} {high}"
        );
    }
    for (low, high) in [
        ("1.0.1", "1.0.0"),
        ("1.10.0", "1.9.0"),
        ("1.0.0", "0.999.999"),
    ] {
        let status = violations_of(&livegate, versions(low, high)).await.unwrap();
        assert_eq!(
            status.fields(),
            ["settings.challenge_preferences[0].versions"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_0_to_4_audit_images() {
    let livegate = Livegate::start().await;
    for valid in 0..=4 {
        assert_eq!(
            violations_of(&livegate, images(valid)).await,
            None,
            "{valid}"
        );
    }
    for invalid in [-1, 5, 256, i32::MIN, i32::MAX] {
        let status = violations_of(&livegate, images(invalid)).await.unwrap();
        assert_eq!(
            status.fields(),
            ["settings.audit_images_limit"],
            "{invalid}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_type_must_be_known() {
    let livegate = Livegate::start().await;
    for valid in [1, 2] {
        assert_eq!(
            violations_of(&livegate, challenge(valid)).await,
            None,
            "{valid}"
        );
    }
    for invalid in [0, 3, -1, i32::MAX] {
        let status = violations_of(&livegate, challenge(invalid)).await.unwrap();
        assert_eq!(status.fields(), ["settings.challenge_preferences[0].type"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_id_is_a_lower_case_uuid() {
    let livegate = Livegate::start().await;
    for invalid in [
        "",
        "x",
        &ID.to_uppercase(),
        &ID.replace('-', ""),
        &times("a", 999),
    ] {
        let request = v1::GetSessionResultRequest {
            session_id: invalid.to_owned(),
            result_token: "any".to_owned(),
            ..Default::default()
        };
        let status = livegate.caller().result(request).await.unwrap_err();
        assert_eq!(
            status.code_and_reason(),
            (Code::InvalidArgument, "INVALID_REQUEST")
        );
        assert_eq!(status.fields(), ["session_id"], "{invalid:?}");
    }
    assert!(livegate.aws.reads().is_empty());
}
