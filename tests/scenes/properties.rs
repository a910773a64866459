//! Property tests: any bytes or strings get a proper response, and AWS receives only requests
//! that its service model accepts.

use std::cell::Cell;

use bytes::Bytes;
use livegate::grpc::v1;
use livegate::model::{ChallengePreference, SessionSettings};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::{Builder, Runtime};
use tonic::Code;

use crate::harness::caller::Caller;
use crate::harness::pipes::Livegate;
use crate::harness::status::CallStatus;

const CREATE: &str = "/livegate.v1.SessionService/CreateSession";
const RESULT: &str = "/livegate.v1.SessionService/GetSessionResult";

/// Returns one Livegate for all cases of a property, on paused time.
fn start() -> (Runtime, Livegate, Caller) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let livegate = runtime.block_on(Livegate::start());
    let caller = runtime.block_on(async { livegate.caller() });
    (runtime, livegate, caller)
}

/// Generates an empty text, a text that is probably valid, or any text.
fn text(likely: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), likely, likely, any::<String>()]
}

fn preference() -> impl Strategy<Value = v1::ChallengePreference> {
    let version = || text("[0-9]{1,3}\\.[0-9]{1,2}\\.[0-9]");
    let range = (version(), version());
    let versions = prop::option::of(
        range.prop_map(|(minimum, maximum)| v1::ChallengeVersions { minimum, maximum }),
    );
    let challenge = prop_oneof![4 => 0..4, 1 => any::<i32>()];
    (challenge, versions)
        .prop_map(|(r#type, versions)| v1::ChallengePreference { r#type, versions })
}

fn settings() -> impl Strategy<Value = v1::SessionSettings> {
    let output = (text("[a-z.]{2,5}"), text("[a-z/ ]{1,3}"));
    let output = output.prop_map(|(s3_bucket, s3_key_prefix)| v1::OutputConfig {
        s3_bucket,
        s3_key_prefix,
    });
    let limit = prop_oneof![4 => 0..6, 1 => any::<i32>()];
    let preferences = prop::collection::vec(preference(), 0..3);
    (prop::option::of(output), limit, preferences).prop_map(
        |(output_config, audit_images_limit, challenge_preferences)| v1::SessionSettings {
            output_config,
            audit_images_limit,
            challenge_preferences,
        },
    )
}

fn request() -> impl Strategy<Value = v1::CreateSessionRequest> {
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}";
    (
        text(uuid),
        text("[a-z/:-]{1,4}"),
        prop::option::of(settings()),
        text("[a-z]{1,9}"),
    )
        .prop_map(
            |(request_id, kms_key_id, settings, subject)| v1::CreateSessionRequest {
                request_id,
                kms_key_id,
                settings,
                subject,
                profile: String::new(),
            },
        )
}

#[test]
fn aws_receives_only_valid_requests() {
    let (runtime, livegate, caller) = start();
    let (created, refused) = (Cell::new(0), Cell::new(0));
    TestRunner::default()
        .run(&request(), |request| {
            let sent = livegate.aws.attempts().len();
            let response = runtime.block_on(caller.ask(request.clone()));
            let attempts = livegate.aws.attempts();
            match response {
                Ok(_) => {
                    created.set(created.get() + 1);
                    prop_assert!(fits_the_model(&attempts[attempts.len() - 1].settings));
                }
                Err(status) => {
                    refused.set(refused.get() + 1);
                    prop_assert_eq!(
                        status.code_and_reason(),
                        (Code::InvalidArgument, "INVALID_REQUEST")
                    );
                    prop_assert!(!status.violations.is_empty());
                    prop_assert_eq!(attempts.len(), sent);
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(
        created.get() > 20 && refused.get() > 20,
        "{created:?} {refused:?}"
    );
}

/// Checks the constraints of the service model, applied to the whole text.
fn fits_the_model(settings: &SessionSettings) -> bool {
    let consists_of = |text: &str, more: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let key = settings.kms_key_id.as_ref().map_or("k", |key| key.as_str());
    let output = settings.output.as_ref();
    let bucket = output.map_or("abc", |output| output.bucket.as_str());
    let prefix = output.and_then(|output| output.key_prefix.as_ref());
    let prefix = prefix.map_or("", |prefix| prefix.as_str());
    (1..=2048).contains(&key.len())
        && consists_of(&key[..1], "")
        && consists_of(key, ":_/+=,@.-")
        && (3..=255).contains(&bucket.len())
        && consists_of(bucket, ".-_")
        && prefix.chars().count() <= 950
        && !prefix.contains(char::is_whitespace)
        && settings.audit_images_limit.get() <= 4
        && settings.challenges.iter().all(versions_fit)
}

fn versions_fit(preference: &ChallengePreference) -> bool {
    let versions = preference.versions;
    let ordered = match (versions.minimum(), versions.maximum()) {
        (Some(low), Some(high)) => low <= high,
        _ => true,
    };
    let bounds = [versions.minimum(), versions.maximum()];
    let mut texts = bounds.into_iter().flatten().map(|bound| bound.to_string());
    ordered && texts.all(|text| (5..=11).contains(&text.len()))
}

#[test]
fn unreadable_bytes_never_reach_aws() {
    let (runtime, livegate, caller) = start();
    let bytes = prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    let path = prop_oneof![Just(CREATE), Just(RESULT)];
    TestRunner::default()
        .run(&(path, bytes), |(path, bytes)| {
            let before = calls(&livegate);
            let status = runtime.block_on(caller.send(path, bytes)).err();
            let failure = status.as_ref().map(CallStatus::code_and_reason);
            let invalid = Some((Code::InvalidArgument, "INVALID_REQUEST"));
            let missing = Some((Code::NotFound, "SESSION_NOT_FOUND"));
            prop_assert!(
                failure.is_none() || failure == invalid || failure == missing,
                "{:?}",
                failure
            );
            prop_assert_eq!(calls(&livegate) == before, failure == invalid);
            Ok(())
        })
        .unwrap();
}

fn calls(livegate: &Livegate) -> usize {
    livegate.aws.attempts().len() + livegate.aws.reads().len()
}
