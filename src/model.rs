//! Types that all modules share: identifiers, session settings and session results.
//!
//! Values are valid by construction: constructors enforce the constraints of the AWS
//! service model, so Livegate never sends a request that the model rejects. This module
//! knows no wire format and imports no other module of the crate.
//!
//! `Debug` output hides ids, tokens, subjects and images: it prints `SessionId(..)`.

mod challenge;
mod clock;
mod confidence;
mod deadline;
mod glob;
mod identity;
mod length_prefixed;
mod operation;
mod peer_address;
mod per_caller;
mod request;
mod result;
mod subject;
mod token_bucket;
mod wall_clock;

pub use challenge::{ChallengePreference, ChallengeType, ChallengeVersions, Version};
pub use clock::{Clock, ClockSource, agree};
pub use confidence::{ConfidenceOutOfRange, MinimumConfidence};
pub use deadline::Deadline;
pub use glob::{CallerGlob, CallerGlobs, MalformedGlob, TooManyGlobs};
pub use identity::{
    CallerId, ClientRequestToken, MalformedUuid, RequestId, SESSION_LIFE, SessionId,
};
pub use length_prefixed::length_prefixed;
pub use operation::Operation;
pub use peer_address::PeerAddress;
pub use per_caller::PerCaller;
pub use request::{
    AuditImagesLimit, BrokenConstraint, KmsKeyId, OutputConfig, ProfileName, RequestedSettings,
    S3Bucket, S3KeyPrefix, SessionSettings,
};
pub use result::{
    BoundingBox, Challenge, Feedback, Image, LivenessResult, S3Object, SessionStatus,
};
pub use subject::{MalformedSubject, Subject};
pub use token_bucket::TokenBucket;
pub use wall_clock::{unix_time, wall_clock};
