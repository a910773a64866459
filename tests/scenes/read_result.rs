//! Reading results: values are passed on unchanged, and none are made up.

use std::time::Duration;

use bytes::Bytes;
use livegate::grpc::v1;
use livegate::model::{
    BoundingBox, Challenge, ChallengeType, Feedback, Image, LivenessResult, S3Object, SessionStatus,
};
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::time::Instant;
use tonic::Code;

use crate::harness::aws::{created, fails, never_answers, reads};
use crate::harness::pipes::{Livegate, Setup, quota};
use crate::harness::tokens::Owner;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

fn result(status: SessionStatus) -> LivenessResult {
    LivenessResult {
        status,
        ..created(ID)
    }
}

/// Returns a result with all fields set, and images as bytes and in a bucket.
pub(crate) fn full() -> LivenessResult {
    let with_bytes = Image {
        bytes: Some(Bytes::from_static(b"a face")),
        stored: None,
        bounding_box: Some(BoundingBox {
            width: Some(1.5),
            height: None,
            left: Some(-0.25),
            top: Some(0.0),
        }),
    };
    let stored = Image {
        bytes: None,
        stored: Some(S3Object {
            bucket: Some("faces".to_owned()),
            name: Some("a/b.jpg".to_owned()),
            version: None,
        }),
        bounding_box: None,
    };
    LivenessResult {
        confidence: Some(99.5),
        reference_image: Some(with_bytes.clone()),
        audit_images: vec![with_bytes, stored],
        challenge: Some(Challenge {
            challenge: Some(ChallengeType::FaceMovement),
            version: "1.0.0".to_owned(),
        }),
        feedback: vec![Feedback {
            code: "FACE_NOT_ALIGNED".to_owned(),
            message: "look straight".to_owned(),
        }],
        sdk_type: Some("web".to_owned()),
        ..result(SessionStatus::Succeeded)
    }
}

fn request(include_images: bool) -> v1::GetSessionResultRequest {
    v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        include_images,
        result_token: Owner::of(ID).token(),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn each_status_is_passed_on_and_an_unknown_one_is_unspecified() {
    let livegate = Livegate::start().await;
    for (status, expected) in [
        (SessionStatus::Created, v1::SessionStatus::Created),
        (SessionStatus::InProgress, v1::SessionStatus::InProgress),
        (SessionStatus::Succeeded, v1::SessionStatus::Succeeded),
        (SessionStatus::Failed, v1::SessionStatus::Failed),
        (SessionStatus::Expired, v1::SessionStatus::Expired),
        (SessionStatus::Unknown, v1::SessionStatus::Unspecified),
    ] {
        let session = uuid::Uuid::new_v4().to_string();
        livegate.aws.plan([reads(LivenessResult {
            status,
            ..created(&session)
        })]);
        let request = v1::GetSessionResultRequest {
            result_token: Owner::of(&session).token(),
            session_id: session.clone(),
            ..Default::default()
        };
        let read = livegate.caller().result(request).await.unwrap();
        assert_eq!((read.status(), read.session_id), (expected, session));
        assert_eq!(read.confidence, None, "AWS reports no confidence");
    }
    assert_eq!(livegate.aws.reads().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn all_fields_from_aws_are_passed_on() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([reads(full())]);
    let read = livegate.caller().result(request(true)).await.unwrap();
    assert_eq!(read.confidence, Some(99.5));
    let face = read.reference_image.unwrap();
    let bounds = face.bounding_box.unwrap();
    assert_eq!((bounds.width, bounds.height), (Some(1.5), None));
    assert_eq!((bounds.left, bounds.top), (Some(-0.25), Some(0.0)));
    let stored = read.audit_images[1].s3_object.clone().unwrap();
    assert_eq!(
        (stored.bucket, stored.name),
        ("faces".to_owned(), "a/b.jpg".to_owned())
    );
    let challenge = read.challenge.unwrap();
    assert_eq!(challenge.r#type(), v1::ChallengeType::FaceMovementChallenge);
    assert_eq!(challenge.version, "1.0.0");
    assert_eq!(read.feedback[0].code, "FACE_NOT_ALIGNED");
    assert_eq!(read.metadata.unwrap().sdk_type, "web");
}

#[tokio::test(start_paused = true)]
async fn image_bytes_are_included_only_on_request() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([reads(full()), reads(full())]);
    let with = livegate.caller().result(request(true)).await.unwrap();
    assert_eq!(with.reference_image.unwrap().bytes, &b"a face"[..]);
    assert_eq!(with.audit_images[0].bytes, &b"a face"[..]);
    let without = livegate.caller().result(request(false)).await.unwrap();
    let reference = without.reference_image.unwrap();
    assert!(reference.bytes.is_empty() && reference.bounding_box.is_some());
    assert!(
        without
            .audit_images
            .iter()
            .all(|image| image.bytes.is_empty())
    );
    assert!(without.audit_images[1].s3_object.is_some());
}

#[tokio::test(start_paused = true)]
async fn disabled_results_are_unimplemented() {
    let livegate = Livegate::with(Setup {
        results: false,
        ..Setup::default()
    })
    .await;
    let status = livegate.caller().result(request(false)).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::Unimplemented, "RESULTS_DISABLED")
    );
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_unknown_to_aws_is_not_found() {
    let livegate = Livegate::start().await;
    let status = livegate.caller().result(request(false)).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::NotFound, "SESSION_NOT_FOUND")
    );
}

#[tokio::test(start_paused = true)]
async fn reads_are_retried_and_have_a_quota_of_their_own() {
    let livegate = Livegate::with_quota(quota(0.1, 2)).await;
    let caller = livegate.caller();
    for _ in 0..2 {
        caller.create().await.unwrap();
    }
    let created = result(SessionStatus::Created);
    livegate.aws.plan([fails(Kind::Throttled), reads(created)]);
    assert!(
        caller.result(request(false)).await.is_ok(),
        "creates do not use the quota of reads"
    );
    assert_eq!(livegate.aws.reads().len(), 2);
    let status = caller
        .within(Duration::from_secs(5))
        .result(request(false))
        .await;
    let expected = (Code::ResourceExhausted, "QUOTA_EXHAUSTED");
    assert_eq!(
        status.unwrap_err().code_and_reason(),
        expected,
        "two reads used two quota tokens"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_read_ends_before_the_deadline() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([never_answers()]);
    let start = Instant::now();
    let limit = Duration::from_millis(200);
    let status = livegate.caller().within(limit).result(request(false)).await;
    let expected = (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT");
    assert_eq!(status.unwrap_err().code_and_reason(), expected);
    assert!(start.elapsed() < limit);
}

#[tokio::test(start_paused = true)]
async fn the_result_of_another_session_is_an_invalid_response() {
    let livegate = Livegate::start().await;
    let another = created("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a11");
    livegate.aws.plan((0..4).map(|_| reads(another.clone())));
    let status = livegate.caller().result(request(true)).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::Unavailable, "UPSTREAM_INVALID_RESPONSE")
    );
    assert_eq!(livegate.aws.reads(), [ID; 4], "a read may be repeated");
    assert!(!format!("{status:?}").contains("0b5e3a4c"), "{status:?}");
    livegate.aws.plan([reads(another), reads(full())]);
    let answer = livegate.caller().result(request(false)).await.unwrap();
    assert_eq!(answer.session_id, ID);
}
