//! Converts session settings to SDK types, and SDK outputs to results.
//!
//! A value on which a caller bases a decision must be within the bounds of the service
//! model: a session id, a confidence, an image, a bounding box or an S3 object beyond them
//! makes the whole response invalid. Lists and advice beyond their bounds are truncated,
//! because a result can be lost to its expiry. An unknown status or challenge type is
//! passed on as unknown.

use std::ops::RangeInclusive;

use aws_sdk_rekognition::operation::get_face_liveness_session_results::GetFaceLivenessSessionResultsOutput;
use aws_sdk_rekognition::types as sdk;

use super::error::{MAX_CODE_BYTES, sanitize};
use crate::model::{
    BoundingBox, Challenge, ChallengePreference, ChallengeType, Feedback, Image, LivenessResult,
    S3Object, SessionId, SessionSettings, SessionStatus,
};
use crate::upstream::UpstreamError;

/// The bounds of the service model.
const CONFIDENCE: RangeInclusive<f32> = 0.0..=100.0;
const MAX_IMAGE_BYTES: usize = 204_800;
const MAX_AUDIT_IMAGES: usize = 4;
const MAX_FEEDBACK: usize = 10;
const MAX_FEEDBACK_BYTES: usize = 512;
const BUCKET_BYTES: RangeInclusive<usize> = 3..=255;
const OBJECT_BYTES: RangeInclusive<usize> = 1..=1024;

/// Parses a session id. A response with status 200 whose id is missing or no UUID is an
/// error.
pub(super) fn session_id(text: &str) -> Result<SessionId, UpstreamError> {
    let invalid = |_| UpstreamError::invalid_response("the response has no valid session id");
    SessionId::parse(text).map_err(invalid)
}

/// Returns an error with `problem` unless the value is within its bounds.
fn check(is_valid: bool, problem: &str) -> Result<(), UpstreamError> {
    if is_valid {
        return Ok(());
    }
    Err(UpstreamError::invalid_response(problem))
}

pub(super) fn settings(
    settings: &SessionSettings,
) -> sdk::CreateFaceLivenessSessionRequestSettings {
    let output = settings.output.as_ref().map(|output| {
        let prefix = output
            .key_prefix
            .as_ref()
            .map(|prefix| prefix.as_str().to_owned());
        sdk::LivenessOutputConfig::builder()
            .s3_bucket(output.bucket.as_str())
            .set_s3_key_prefix(prefix)
            .build()
            .expect("the bucket is the only required field")
    });
    let challenges = settings
        .challenges
        .iter()
        .map(preference)
        .collect::<Vec<_>>();
    sdk::CreateFaceLivenessSessionRequestSettings::builder()
        .set_output_config(output)
        .audit_images_limit(i32::from(settings.audit_images_limit.get()))
        .set_challenge_preferences((!challenges.is_empty()).then_some(challenges))
        .build()
}

fn preference(preference: &ChallengePreference) -> sdk::ChallengePreference {
    let versions = &preference.versions;
    let range = sdk::Versions::builder()
        .set_minimum(versions.minimum().map(|version| version.to_string()))
        .set_maximum(versions.maximum().map(|version| version.to_string()))
        .build();
    let kind = match preference.challenge {
        ChallengeType::FaceMovementAndLight => sdk::ChallengeType::FaceMovementAndLightChallenge,
        ChallengeType::FaceMovement => sdk::ChallengeType::FaceMovementChallenge,
    };
    let bounded = versions.minimum().or(versions.maximum()).is_some();
    sdk::ChallengePreference::builder()
        .r#type(kind)
        .set_versions(bounded.then_some(range))
        .build()
        .expect("the type is the only required field")
}

pub(super) fn result(
    output: GetFaceLivenessSessionResultsOutput,
) -> Result<LivenessResult, UpstreamError> {
    let confidence = output.confidence();
    // NaN is in no range.
    let is_valid = confidence.is_none_or(|confidence| CONFIDENCE.contains(&confidence));
    check(is_valid, "the confidence is not within 0 to 100")?;
    let session_id = session_id(output.session_id())?;
    let status = status(output.status());
    let advice = output.feedback().iter().take(MAX_FEEDBACK);
    let feedback = advice.map(feedback).collect();
    let audit_images = output.audit_images.unwrap_or_default().into_iter();
    let sdk_type = |metadata: sdk::SessionMetadata| sanitize(&metadata.sdk_type, MAX_CODE_BYTES);
    Ok(LivenessResult {
        session_id,
        status,
        confidence,
        reference_image: output.reference_image.map(image).transpose()?,
        audit_images: audit_images
            .take(MAX_AUDIT_IMAGES)
            .map(image)
            .collect::<Result<_, _>>()?,
        challenge: output.challenge.as_ref().map(challenge),
        feedback,
        sdk_type: output.metadata.map(sdk_type),
    })
}

/// The SDK's enum is non-exhaustive: a status that it does not know is `Unknown`.
fn status(status: &sdk::LivenessSessionStatus) -> SessionStatus {
    match status {
        sdk::LivenessSessionStatus::Created => SessionStatus::Created,
        sdk::LivenessSessionStatus::InProgress => SessionStatus::InProgress,
        sdk::LivenessSessionStatus::Succeeded => SessionStatus::Succeeded,
        sdk::LivenessSessionStatus::Failed => SessionStatus::Failed,
        sdk::LivenessSessionStatus::Expired => SessionStatus::Expired,
        _ => SessionStatus::Unknown,
    }
}

fn image(image: sdk::AuditImage) -> Result<Image, UpstreamError> {
    let bytes = image.bytes.map(aws_smithy_types::Blob::into_inner);
    let length = bytes.as_ref().map_or(0, Vec::len);
    check(length <= MAX_IMAGE_BYTES, "an image is too large")?;
    Ok(Image {
        bytes: bytes.map(Into::into),
        stored: image.s3_object.map(s3_object).transpose()?,
        bounding_box: image.bounding_box.as_ref().map(bounding_box).transpose()?,
    })
}

fn s3_object(object: sdk::S3Object) -> Result<S3Object, UpstreamError> {
    let sdk::S3Object {
        bucket,
        name,
        version,
        ..
    } = object;
    for (text, bounds) in [
        (&bucket, BUCKET_BYTES),
        (&name, OBJECT_BYTES),
        (&version, OBJECT_BYTES),
    ] {
        let is_valid = text
            .as_ref()
            .is_none_or(|text| bounds.contains(&text.len()));
        check(is_valid, "the name of an S3 object has an invalid length")?;
    }
    Ok(S3Object {
        bucket,
        name,
        version,
    })
}

/// A face at the edge gives values below 0 or above 1, but never infinite ones.
fn bounding_box(bounds: &sdk::BoundingBox) -> Result<BoundingBox, UpstreamError> {
    let sides = [bounds.width, bounds.height, bounds.left, bounds.top];
    let is_valid = sides.into_iter().flatten().all(f32::is_finite);
    check(is_valid, "a bounding box is not finite")?;
    Ok(BoundingBox {
        width: bounds.width,
        height: bounds.height,
        left: bounds.left,
        top: bounds.top,
    })
}

fn challenge(challenge: &sdk::Challenge) -> Challenge {
    let kind = match challenge.r#type {
        sdk::ChallengeType::FaceMovementAndLightChallenge => {
            Some(ChallengeType::FaceMovementAndLight)
        }
        sdk::ChallengeType::FaceMovementChallenge => Some(ChallengeType::FaceMovement),
        _ => None,
    };
    Challenge {
        challenge: kind,
        version: sanitize(&challenge.version, MAX_CODE_BYTES),
    }
}

fn feedback(item: &sdk::FeedbackItem) -> Feedback {
    Feedback {
        code: sanitize(item.code.as_str(), MAX_CODE_BYTES),
        message: sanitize(&item.message, MAX_FEEDBACK_BYTES),
    }
}
