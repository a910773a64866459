//! The result of a session. `Debug` output hides images and confidence.

use bytes::Bytes;

use super::{ChallengeType, SessionId};

/// The result of a session, as AWS reports it.
#[derive(Clone, PartialEq, derive_more::Debug)]
#[debug("LivenessResult({:?}, ..)", status)]
pub struct LivenessResult {
    /// The session.
    pub session_id: SessionId,
    /// The session's status.
    pub status: SessionStatus,
    /// The confidence that the video shows a live person: 0 to 100.
    pub confidence: Option<f32>,
    /// The image for later face comparison.
    pub reference_image: Option<Image>,
    /// Further images from the video, at most four.
    pub audit_images: Vec<Image>,
    /// The challenge that the person performed.
    pub challenge: Option<Challenge>,
    /// Hints for the next attempt.
    pub feedback: Vec<Feedback>,
    /// The type of the SDK that streamed the video, as the SDK reported it.
    pub sdk_type: Option<String>,
}

impl LivenessResult {
    /// Returns the result of a session of which only the status is known.
    #[must_use]
    pub fn of_status(session_id: SessionId, status: SessionStatus) -> Self {
        Self {
            session_id,
            status,
            confidence: None,
            reference_image: None,
            audit_images: Vec::new(),
            challenge: None,
            feedback: Vec::new(),
            sdk_type: None,
        }
    }

    /// Drops the bytes of all images.
    pub fn drop_image_bytes(&mut self) {
        let images = self
            .reference_image
            .iter_mut()
            .chain(&mut self.audit_images);
        images.for_each(|image| image.bytes = None);
    }

    /// Returns the number of bytes of all images.
    #[must_use]
    pub fn image_bytes(&self) -> usize {
        let images = self.reference_image.iter().chain(&self.audit_images);
        images
            .filter_map(|image| image.bytes.as_ref())
            .map(Bytes::len)
            .sum()
    }
}

/// The status of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// Created; no video yet.
    Created,
    /// The video is streaming, or AWS analyses it.
    InProgress,
    /// The analysis completed.
    Succeeded,
    /// The check could not be completed.
    Failed,
    /// The session expired before the check completed.
    Expired,
    /// A status that this version does not know. Not a success.
    Unknown,
}

impl SessionStatus {
    /// Whether the session keeps this status.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Expired => true,
            Self::Created | Self::InProgress | Self::Unknown => false,
        }
    }
}

/// An image, as bytes or as an object in S3.
#[derive(Clone, PartialEq, derive_more::Debug)]
#[debug("Image(..)")]
pub struct Image {
    /// The JPEG bytes.
    pub bytes: Option<Bytes>,
    /// The object in S3.
    pub stored: Option<S3Object>,
    /// The position of the face in the image.
    pub bounding_box: Option<BoundingBox>,
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Object {
    /// The name of the bucket.
    pub bucket: Option<String>,
    /// The object's key.
    pub name: Option<String>,
    /// The object's version.
    pub version: Option<String>,
}

/// A rectangle, in fractions of the image's width and height. A face at the edge of the
/// image gives values below 0 or above 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// The width.
    pub width: Option<f32>,
    /// The height.
    pub height: Option<f32>,
    /// The left edge.
    pub left: Option<f32>,
    /// The top edge.
    pub top: Option<f32>,
}

/// A challenge that a person performed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The type; `None`: a type that this version does not know.
    pub challenge: Option<ChallengeType>,
    /// The version, as AWS reported it.
    pub version: String,
}

/// A hint for the next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// The code from AWS.
    pub code: String,
    /// The hint as text.
    pub message: String,
}
