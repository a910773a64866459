//! The error for a caller that sends a field outside its permissions.
//!
//! The message names each refused field, and the caller's own value unless it is
//! sensitive. It never lists the values that would be allowed. For example,
//! `not allowed: settings.output_config.s3_bucket: "other-images" is not allowed for this
//! caller; kms_key_id: value is not allowed for this caller`.

use super::Operation;
use crate::model::{AuditImagesLimit, CallerId, ChallengeType, ProfileName, S3Bucket};

/// The fields that are not allowed for a caller, each with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed: {}", self.message())]
pub struct NotAllowed {
    /// Not empty.
    violations: Vec<(Field, FieldRefused)>,
}

/// What was refused, by its name in the API.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
pub enum Field {
    /// The method itself.
    #[display("{}", _0.rpc())]
    Operation(Operation),
    /// The profile.
    #[display("profile")]
    Profile,
    /// The KMS key.
    #[display("kms_key_id")]
    KmsKey,
    /// All settings except the KMS key.
    #[display("settings")]
    Settings,
    /// The S3 bucket.
    #[display("settings.output_config.s3_bucket")]
    Bucket,
    /// The S3 key prefix.
    #[display("settings.output_config.s3_key_prefix")]
    Prefix,
    /// The limit of audit images.
    #[display("settings.audit_images_limit")]
    AuditImages,
    /// The challenge at this index of the list.
    #[display("settings.challenge_preferences[{_0}].type")]
    Challenge(usize),
}

/// Why a field was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldRefused {
    /// The method is not allowed for the caller.
    #[error("method is not allowed for this caller")]
    Operation,
    /// The method is not allowed for callers without a section of their own.
    #[error("method is not allowed: no section of callers matches \"{_0}\"")]
    NoSection(CallerId),
    /// The profile is not allowed for the caller, or does not exist.
    #[error("\"{}\" is not allowed for this caller", .0.as_str())]
    Profile(ProfileName),
    /// The bucket is not allowed for the caller.
    #[error("\"{}\" is not allowed for this caller", .0.as_str())]
    Bucket(S3Bucket),
    /// The limit of audit images exceeds this one.
    #[error("must be at most {} for this caller", .0.get())]
    TooMany(AuditImagesLimit),
    /// The challenge is not allowed for the caller.
    #[error("{} is not allowed for this caller", .0.as_str())]
    Challenge(ChallengeType),
    /// The value, which is not shown, is not allowed for the caller.
    #[error("value is not allowed for this caller")]
    Hidden,
    /// The caller must set the field.
    #[error("must be set by this caller")]
    Missing,
    /// Only a profile may set the field.
    #[error("must be unset: only a profile may set it for this caller")]
    OnlyInProfile,
}

impl NotAllowed {
    pub(super) fn one(field: Field, refused: FieldRefused) -> Self {
        let violations = vec![(field, refused)];
        Self { violations }
    }

    /// Returns an error with all `violations`, if there are any.
    pub(super) fn from_violations(violations: Vec<(Field, FieldRefused)>) -> Result<(), Self> {
        if violations.is_empty() {
            return Ok(());
        }
        Err(Self { violations })
    }

    /// Returns the first refused field.
    #[must_use]
    pub fn field(&self) -> Field {
        self.violations[0].0
    }

    fn message(&self) -> String {
        let all = self.violations.iter();
        let parts: Vec<String> = all.map(|(field, why)| format!("{field}: {why}")).collect();
        parts.join("; ")
    }
}
