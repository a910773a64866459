//! The words that every room shares: identities, what a caller asks for, and
//! what comes of a session.
//!
//! A value here is right by construction: the constructors refuse what the AWS
//! service model refuses, so nothing that AWS would refuse can be sent. This
//! module knows no wire format and no other module of the crate.
//!
//! Ids, tokens, subjects and images never show in `Debug`: what prints is `SessionId(..)`.

mod challenge;
mod deadline;
mod glob;
mod identity;
mod operation;
mod per_caller;
mod request;
mod result;
mod subject;
mod wall_clock;

pub use challenge::{ChallengePreference, ChallengeType, ChallengeVersions, Version};
pub use deadline::Deadline;
pub use glob::{CallerGlob, CallerGlobs, MalformedGlob, TooManyGlobs};
pub use identity::{
    CallerId, ClientRequestToken, MalformedUuid, RequestId, SESSION_LIFE, SessionId,
};
pub use operation::Operation;
pub use per_caller::PerCaller;
pub use request::{
    AuditImagesLimit, BrokenConstraint, KmsKeyId, OutputConfig, ProfileName, RequestedSettings,
    S3Bucket, S3KeyPrefix, SessionSettings,
};
pub use result::{
    BoundingBox, Challenge, Feedback, Image, LivenessResult, S3Object, SessionStatus,
};
pub use subject::{MalformedSubject, Subject};
pub use wall_clock::wall_clock;
