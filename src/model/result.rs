//! What came of a session. Pictures and confidence do not show in `Debug`.

use std::fmt;

use bytes::Bytes;

use super::{ChallengeType, SessionId};

/// What AWS says of a session.
#[derive(Clone, PartialEq)]
pub struct LivenessResult {
    /// The session.
    pub session_id: SessionId,
    /// How far it is.
    pub status: SessionStatus,
    /// How sure AWS is that a live person was seen: 0 to 100.
    pub confidence: Option<f32>,
    /// The picture to compare with.
    pub reference_image: Option<Image>,
    /// Further pictures, at most four.
    pub audit_images: Vec<Image>,
    /// The challenge that was played.
    pub challenge: Option<Challenge>,
    /// What the person could do better.
    pub feedback: Vec<Feedback>,
    /// The kind of SDK that streamed the video, by its own word.
    pub sdk_type: Option<String>,
}

impl fmt::Debug for LivenessResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LivenessResult({:?}, ..)", self.status)
    }
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// Issued; no video yet.
    Created,
    /// The video is being streamed or analysed.
    InProgress,
    /// The analysis finished.
    Succeeded,
    /// The check could not be finished.
    Failed,
    /// Its life passed first.
    Expired,
    /// A status that this version does not know: no success.
    Unknown,
}

/// A picture, as bytes or as the place where it is stored.
#[derive(Clone, PartialEq)]
pub struct Image {
    /// The JPEG itself.
    pub bytes: Option<Bytes>,
    /// Where it is stored.
    pub stored: Option<S3Object>,
    /// Where in it the face is.
    pub bounding_box: Option<BoundingBox>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Image(..)")
    }
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Object {
    /// The bucket.
    pub bucket: Option<String>,
    /// The key.
    pub name: Option<String>,
    /// The object's version.
    pub version: Option<String>,
}

/// A rectangle, as shares of the picture's width and height; a face at the edge
/// gives numbers below 0 or above 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// Its width.
    pub width: Option<f32>,
    /// Its height.
    pub height: Option<f32>,
    /// Its left edge.
    pub left: Option<f32>,
    /// Its upper edge.
    pub top: Option<f32>,
}

/// The challenge that was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Which one; `None`: one that this version does not know.
    pub challenge: Option<ChallengeType>,
    /// Its version, as AWS wrote it.
    pub version: String,
}

/// Advice on the next try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// AWS's code.
    pub code: String,
    /// The advice in words.
    pub message: String,
}
