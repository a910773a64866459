//! Converts domain results to protobuf messages.

use std::time::{SystemTime, UNIX_EPOCH};

use super::v1;
use crate::model::{
    BoundingBox, Challenge, ChallengeType, Feedback, Image, S3Object, SessionStatus,
};
use crate::session::{CheckFailure, ImageBytes, Session, SessionResult, Verdict};

pub(super) fn session(session: &Session) -> v1::Session {
    let time_to_live = session.time_to_live;
    v1::Session {
        session_id: session.id.expose(),
        region: session.region.to_string(),
        create_time: Some(timestamp(session.create_time)),
        expire_time: Some(timestamp(session.expire_time)),
        time_to_live: prost_types::Duration::try_from(time_to_live).ok(),
        replayed: session.replayed,
        result_token: session.result_token.expose().to_owned(),
    }
}

fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: since.subsec_nanos().cast_signed(),
    }
}

pub(super) fn result(
    SessionResult { result, verdict }: SessionResult,
    image_bytes: ImageBytes,
) -> v1::GetSessionResultResponse {
    let (verdict, verdict_reason) = self::verdict(verdict);
    let image = |image| self::image(image, image_bytes);
    v1::GetSessionResultResponse {
        session_id: result.session_id.expose(),
        status: status(result.status).into(),
        confidence: result.confidence,
        reference_image: result.reference_image.map(image),
        audit_images: result.audit_images.into_iter().map(image).collect(),
        challenge: result.challenge.map(challenge),
        feedback: result.feedback.into_iter().map(feedback).collect(),
        metadata: result
            .sdk_type
            .map(|sdk_type| v1::SessionMetadata { sdk_type }),
        verdict: verdict.into(),
        verdict_reason: verdict_reason.to_owned(),
    }
}

/// Returns the verdict and its reason.
fn verdict(verdict: Option<Verdict>) -> (v1::Verdict, &'static str) {
    match verdict {
        None => (v1::Verdict::Unspecified, ""),
        Some(Verdict::Pending) => (v1::Verdict::Pending, "CHECK_NOT_FINISHED"),
        Some(Verdict::Passed) => (v1::Verdict::Passed, ""),
        Some(Verdict::Failed(failure)) => (
            v1::Verdict::Failed,
            match failure {
                CheckFailure::ConfidenceBelowMinimum => "CONFIDENCE_BELOW_MINIMUM",
                CheckFailure::CheckFailed => "CHECK_FAILED",
                CheckFailure::SessionExpired => "SESSION_EXPIRED",
            },
        ),
    }
}

fn status(status: SessionStatus) -> v1::SessionStatus {
    match status {
        SessionStatus::Created => v1::SessionStatus::Created,
        SessionStatus::InProgress => v1::SessionStatus::InProgress,
        SessionStatus::Succeeded => v1::SessionStatus::Succeeded,
        SessionStatus::Failed => v1::SessionStatus::Failed,
        SessionStatus::Expired => v1::SessionStatus::Expired,
        SessionStatus::Unknown => v1::SessionStatus::Unspecified,
    }
}

fn image(image: Image, image_bytes: ImageBytes) -> v1::Image {
    v1::Image {
        bytes: match image_bytes {
            ImageBytes::Included => image.bytes.unwrap_or_default(),
            ImageBytes::Omitted => bytes::Bytes::new(),
        },
        s3_object: image.stored.map(stored),
        bounding_box: image.bounding_box.map(bounding_box),
    }
}

fn stored(object: S3Object) -> v1::S3Object {
    v1::S3Object {
        bucket: object.bucket.unwrap_or_default(),
        name: object.name.unwrap_or_default(),
        version: object.version.unwrap_or_default(),
    }
}

fn bounding_box(bounds: BoundingBox) -> v1::BoundingBox {
    let BoundingBox {
        width,
        height,
        left,
        top,
    } = bounds;
    v1::BoundingBox {
        width,
        height,
        left,
        top,
    }
}

fn challenge(challenge: Challenge) -> v1::Challenge {
    let kind = match challenge.challenge {
        Some(ChallengeType::FaceMovementAndLight) => {
            v1::ChallengeType::FaceMovementAndLightChallenge
        }
        Some(ChallengeType::FaceMovement) => v1::ChallengeType::FaceMovementChallenge,
        None => v1::ChallengeType::Unspecified,
    };
    v1::Challenge {
        r#type: kind.into(),
        version: challenge.version,
    }
}

fn feedback(item: Feedback) -> v1::Feedback {
    v1::Feedback {
        code: item.code,
        message: item.message,
    }
}
