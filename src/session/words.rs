//! The words that every room shares: identities, what a caller asks for, and
//! what comes of a session.
//!
//! A value here is right by construction: the constructors refuse what the AWS
//! service model refuses, so nothing that AWS would refuse can be sent. This
//! module knows no wire format and no other module of the crate.
//!
//! Ids, tokens, subjects and images never show in `Debug`: what prints is `SessionId(..)`.

mod challenge;
mod glob;
mod identity;
mod request;
mod result;
mod subject;

pub use challenge::{ChallengePreference, ChallengeType, ChallengeVersions, Version};
pub use glob::{CallerGlob, CallerGlobs, MalformedGlob, TooManyGlobs};
pub use identity::{
    CallerId, ClientRequestToken, MalformedUuid, RequestId, SESSION_LIFE, SessionId,
};
pub use request::{
    AuditImagesLimit, BrokenConstraint, KmsKeyId, OutputConfig, ProfileName, S3Bucket, S3KeyPrefix,
    SessionSettings, Wanted,
};
pub use result::{
    BoundingBox, Challenge, Feedback, Image, LivenessResult, S3Object, SessionStatus,
};
pub use subject::{MalformedSubject, Subject};
