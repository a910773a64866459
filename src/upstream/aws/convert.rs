//! Converts session settings to SDK types, and SDK outputs to results.

use aws_sdk_rekognition::operation::get_face_liveness_session_results::GetFaceLivenessSessionResultsOutput;
use aws_sdk_rekognition::types as sdk;

use crate::model::{
    BoundingBox, Challenge, ChallengePreference, ChallengeType, Feedback, Image, LivenessResult,
    S3Object, SessionId, SessionSettings, SessionStatus,
};
use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// Parses a session id. A response with status 200 whose id is missing or no UUID is an
/// error.
pub(super) fn session_id(text: &str) -> Result<SessionId, UpstreamError> {
    SessionId::parse(text).map_err(|_| UpstreamError {
        message: Some("the response has no valid session id".to_owned()),
        http_status: Some(200),
        ..UpstreamError::bare(UpstreamErrorKind::InvalidResponse)
    })
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
    Ok(LivenessResult {
        session_id: session_id(output.session_id())?,
        status: status(output.status()),
        confidence: output.confidence(),
        reference_image: output.reference_image.map(image),
        audit_images: output
            .audit_images
            .unwrap_or_default()
            .into_iter()
            .map(image)
            .collect(),
        challenge: output.challenge.map(challenge),
        feedback: output
            .feedback
            .unwrap_or_default()
            .into_iter()
            .map(feedback)
            .collect(),
        sdk_type: output.metadata.map(|metadata| metadata.sdk_type),
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

fn image(image: sdk::AuditImage) -> Image {
    Image {
        bytes: image.bytes.map(|blob| blob.into_inner().into()),
        stored: image.s3_object.map(|object| S3Object {
            bucket: object.bucket,
            name: object.name,
            version: object.version,
        }),
        bounding_box: image.bounding_box.map(|bounds| BoundingBox {
            width: bounds.width,
            height: bounds.height,
            left: bounds.left,
            top: bounds.top,
        }),
    }
}

fn challenge(challenge: sdk::Challenge) -> Challenge {
    let kind = match challenge.r#type {
        sdk::ChallengeType::FaceMovementAndLightChallenge => {
            Some(ChallengeType::FaceMovementAndLight)
        }
        sdk::ChallengeType::FaceMovementChallenge => Some(ChallengeType::FaceMovement),
        _ => None,
    };
    Challenge {
        challenge: kind,
        version: challenge.version,
    }
}

fn feedback(item: sdk::FeedbackItem) -> Feedback {
    Feedback {
        code: item.code.as_str().to_owned(),
        message: item.message,
    }
}
