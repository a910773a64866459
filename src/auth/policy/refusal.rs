//! The error for a caller that sends a field outside its permissions.
//!
//! The message names each refused field, and the caller's own value unless it is
//! sensitive. It never lists the values that would be allowed. For example,
//! `not allowed: settings.output_config.s3_bucket: "other-images" is not allowed for this
//! caller; kms_key_id: value is not allowed for this caller`.

use std::fmt;

use super::Operation;
use crate::model::{AuditImagesLimit, ChallengeType, ProfileName, S3Bucket};

/// The fields that are not allowed for a caller, each with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed: {}", self.message())]
pub struct NotAllowed {
    first: (Field, FieldRefused),
    more: Vec<(Field, FieldRefused)>,
}

/// What was refused, by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The method itself.
    Operation(Operation),
    /// The profile.
    Profile,
    /// The KMS key.
    KmsKey,
    /// All settings except the KMS key.
    Settings,
    /// The S3 bucket.
    Bucket,
    /// The S3 key prefix.
    Prefix,
    /// The limit of audit images.
    AuditImages,
    /// The challenge at this index of the list.
    Challenge(usize),
}

/// Why a field was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldRefused {
    /// The method is not allowed for the caller.
    Operation,
    /// The profile is not allowed for the caller, or does not exist.
    Profile(ProfileName),
    /// The bucket is not allowed for the caller.
    Bucket(S3Bucket),
    /// The limit of audit images exceeds this one.
    TooMany(AuditImagesLimit),
    /// The challenge is not allowed for the caller.
    Challenge(ChallengeType),
    /// The value, which is not shown, is not allowed for the caller.
    Hidden,
    /// The caller must set the field.
    Missing,
    /// Only a profile may set the field.
    OnlyInProfile,
}

impl NotAllowed {
    pub(super) fn one(field: Field, refused: FieldRefused) -> Self {
        Self {
            first: (field, refused),
            more: Vec::new(),
        }
    }

    /// Returns an error with all `violations`, if there are any.
    pub(super) fn from_violations(violations: Vec<(Field, FieldRefused)>) -> Result<(), Self> {
        let mut violations = violations.into_iter();
        match violations.next() {
            None => Ok(()),
            Some(first) => Err(Self {
                first,
                more: violations.collect(),
            }),
        }
    }

    /// Returns the first refused field.
    #[must_use]
    pub fn field(&self) -> Field {
        self.first.0
    }

    fn message(&self) -> String {
        let all = std::iter::once(&self.first).chain(&self.more);
        let parts: Vec<String> = all.map(|(field, why)| format!("{field}: {why}")).collect();
        parts.join("; ")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operation(operation) => operation.rpc(),
            Self::Profile => "profile",
            Self::KmsKey => "kms_key_id",
            Self::Settings => "settings",
            Self::Bucket => "settings.output_config.s3_bucket",
            Self::Prefix => "settings.output_config.s3_key_prefix",
            Self::AuditImages => "settings.audit_images_limit",
            Self::Challenge(index) => {
                return write!(f, "settings.challenge_preferences[{index}].type");
            }
        })
    }
}

impl fmt::Display for FieldRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation => f.write_str("method is not allowed for this caller"),
            Self::Profile(name) => {
                write!(f, "\"{}\" is not allowed for this caller", name.as_str())
            }
            Self::Bucket(bucket) => {
                write!(f, "\"{}\" is not allowed for this caller", bucket.as_str())
            }
            Self::TooMany(most) => write!(f, "must be at most {} for this caller", most.get()),
            Self::Challenge(challenge) => {
                write!(f, "{} is not allowed for this caller", challenge.as_str())
            }
            Self::Hidden => f.write_str("value is not allowed for this caller"),
            Self::Missing => f.write_str("must be set by this caller"),
            Self::OnlyInProfile => {
                f.write_str("must be unset: only a profile may set it for this caller")
            }
        }
    }
}
