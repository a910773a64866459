//! Every constraint at both of its ends.

use livegate::grpc::v1;
use tonic::Code;

use crate::harness::fields::{
    BUCKET, Field, KMS_KEY, MAXIMUM, MINIMUM, PREFIX, REQUEST_ID, challenge, images, versions,
};
use crate::harness::pipes::Livegate;
use crate::harness::status::Told;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

pub(super) fn times(text: &str, count: usize) -> String {
    text.repeat(count)
}

/// Asks, and says what was wrong; nothing wrong is sent, and nothing right is not.
pub(super) async fn asked(livegate: &Livegate, request: v1::CreateSessionRequest) -> Option<Told> {
    let sent = livegate.aws.attempts().len();
    let told = livegate.caller().ask(request).await.err();
    let expected = if told.is_some() { sent } else { sent + 1 };
    assert_eq!(livegate.aws.attempts().len(), expected);
    if let Some(told) = &told {
        assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
        assert_eq!(told.pushback, None);
    }
    told
}

async fn hold(field: &Field, right: &[&str], wrong: &[&str]) {
    let livegate = Livegate::up().await;
    for value in right {
        let told = asked(&livegate, (field.with)(value)).await;
        assert_eq!(told, None, "{} = {value:?}", field.path);
    }
    for value in wrong {
        let told = asked(&livegate, (field.with)(value)).await;
        let told = told.unwrap_or_else(|| panic!("{} = {value:?} was sent", field.path));
        assert_eq!(told.fields(), [field.path], "{value:?}");
        let (_, problem) = &told.violations[0];
        assert!(problem.starts_with("must "), "{problem}");
        assert!(problem.len() < 400, "a wrong value is cut short: {problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_id_is_a_uuid_in_its_36_characters() {
    let bare = ID.replace('-', "");
    let braced = format!("{{{ID}}}");
    let wrong = [
        "x",
        &bare,
        &braced,
        &ID[1..],
        &times("0", 36),
        &format!("{ID}\n"),
    ];
    hold(
        &REQUEST_ID,
        &["", ID, "0B5E3A4C-7D57-4F0E-9A51-6B5C1F7F3A11"],
        &wrong,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_kms_key_has_up_to_2048_characters_of_its_alphabet() {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab";
    let (most, more) = (times("k", 2048), times("k", 2049));
    let wrong = ["-k", "_k", "k k", "k\n", "k\u{0}", "clé", "k٣", "k*", &more];
    hold(&KMS_KEY, &["", "k", "9", arn, "a:_/+=,@.-", &most], &wrong).await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_has_3_to_255_characters_and_cannot_be_left_out() {
    let (most, more) = (times("b", 255), times("b", 256));
    let wrong = [
        "", "ab", "a b", "abc\n", "abc\t", "a/b/c", "été", "a٣b", &more,
    ];
    hold(&BUCKET, &["abc", "A.b-c_9", "...", &most], &wrong).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_prefix_has_up_to_950_characters_and_no_white_space() {
    let (most, more) = (times("é", 950), times("é", 951));
    let wrong = [
        "a b", " ", "a\n", "a\u{a0}b", "\u{2003}", "a\u{0}", "a\u{7f}", &more,
    ];
    hold(&PREFIX, &["", "a", "a/b?*", &most], &wrong).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_is_three_numbers_to_999_in_ascii() {
    let right = ["", "0.0.0", "1.0.0", "999.999.999", "10.0.7"];
    let wrong = [
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
    hold(&MINIMUM, &right, &wrong).await;
    hold(&MAXIMUM, &right, &wrong).await;
}

#[tokio::test(start_paused = true)]
async fn a_minimum_is_not_above_its_maximum() {
    let livegate = Livegate::up().await;
    for (low, high) in [
        ("1.0.0", "1.0.0"),
        ("1.9.0", "1.10.0"),
        ("0.0.999", "1.0.0"),
    ] {
        assert_eq!(
            asked(&livegate, versions(low, high)).await,
            None,
            "{low} {high}"
        );
    }
    for (low, high) in [
        ("1.0.1", "1.0.0"),
        ("1.10.0", "1.9.0"),
        ("1.0.0", "0.999.999"),
    ] {
        let told = asked(&livegate, versions(low, high)).await.unwrap();
        assert_eq!(
            told.fields(),
            ["settings.challenge_preferences[0].versions"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_0_to_4_audit_images() {
    let livegate = Livegate::up().await;
    for right in 0..=4 {
        assert_eq!(asked(&livegate, images(right)).await, None, "{right}");
    }
    for wrong in [-1, 5, 256, i32::MIN, i32::MAX] {
        let told = asked(&livegate, images(wrong)).await.unwrap();
        assert_eq!(told.fields(), ["settings.audit_images_limit"], "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_one_of_those_that_are_known() {
    let livegate = Livegate::up().await;
    for right in [1, 2] {
        assert_eq!(asked(&livegate, challenge(right)).await, None, "{right}");
    }
    for wrong in [0, 3, -1, i32::MAX] {
        let told = asked(&livegate, challenge(wrong)).await.unwrap();
        assert_eq!(told.fields(), ["settings.challenge_preferences[0].type"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_is_asked_for_by_a_lower_case_uuid() {
    let livegate = Livegate::up().await;
    for wrong in [
        "",
        "x",
        &ID.to_uppercase(),
        &ID.replace('-', ""),
        &times("a", 9999),
    ] {
        let request = v1::GetSessionResultRequest {
            session_id: wrong.to_owned(),
            result_token: "any".to_owned(),
            ..Default::default()
        };
        let told = livegate.caller().result(request).await.unwrap_err();
        assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
        assert_eq!(told.fields(), ["session_id"], "{wrong:?}");
    }
    assert!(livegate.aws.reads().is_empty());
}
