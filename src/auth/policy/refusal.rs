//! What a caller is told that may not have what it wants.
//!
//! It is told which fields, and of its own values those that nobody need hide; never
//! what it might have sent instead. An example: `not allowed: settings.output_config
//! .s3_bucket: this caller may not use the bucket "other-images"; kms_key_id: this
//! caller may not use that value`.

use std::fmt;

use super::Operation;
use crate::model::{AuditImagesLimit, ChallengeType, ProfileName, S3Bucket};

/// What a caller may not, field by field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed: {}", self.told())]
pub struct NotAllowed {
    first: (Field, FieldRefused),
    more: Vec<(Field, FieldRefused)>,
}

/// What the contract calls what was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The method itself.
    Operation(Operation),
    /// The name of a profile.
    Profile,
    /// The key.
    KmsKey,
    /// All that is not the key.
    Settings,
    /// The bucket.
    Bucket,
    /// What its keys begin with.
    Prefix,
    /// How many audit images.
    AuditImages,
    /// The challenge at this place of the list.
    Challenge(usize),
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldRefused {
    /// The method is not granted.
    Operation,
    /// The profile is not, or does not exist.
    Profile(ProfileName),
    /// The bucket is not.
    Bucket(S3Bucket),
    /// More images than this.
    TooMany(AuditImagesLimit),
    /// The challenge is not granted.
    Challenge(ChallengeType),
    /// A value that is not shown is not.
    Hidden,
    /// It has to name a profile, and does not.
    Missing,
    /// Only a profile may say it.
    LeftToProfile,
}

impl NotAllowed {
    pub(super) fn one(field: Field, refused: FieldRefused) -> Self {
        Self {
            first: (field, refused),
            more: Vec::new(),
        }
    }

    /// All of `refused`, unless there is nothing.
    pub(super) fn of(refused: Vec<(Field, FieldRefused)>) -> Result<(), Self> {
        let mut refused = refused.into_iter();
        match refused.next() {
            None => Ok(()),
            Some(first) => Err(Self {
                first,
                more: refused.collect(),
            }),
        }
    }

    /// The first field that was refused.
    #[must_use]
    pub fn field(&self) -> Field {
        self.first.0
    }

    fn told(&self) -> String {
        let all = std::iter::once(&self.first).chain(&self.more);
        let told: Vec<String> = all.map(|(field, why)| format!("{field}: {why}")).collect();
        told.join("; ")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operation(Operation::Create) => "CreateSession",
            Self::Operation(Operation::Results) => "GetSessionResult",
            Self::Profile => "profile",
            Self::KmsKey => "kms_key_id",
            Self::Settings => "settings",
            Self::Bucket => "settings.output_config.s3_bucket",
            Self::Prefix => "settings.output_config.s3_key_prefix",
            Self::AuditImages => "settings.audit_images_limit",
            Self::Challenge(at) => {
                return write!(f, "settings.challenge_preferences[{at}].type");
            }
        })
    }
}

impl fmt::Display for FieldRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation => f.write_str("this caller may not use the method"),
            Self::Profile(name) => {
                write!(f, "this caller may not pick \"{}\"", name.as_str())
            }
            Self::Bucket(bucket) => {
                write!(
                    f,
                    "this caller may not use the bucket \"{}\"",
                    bucket.as_str()
                )
            }
            Self::TooMany(most) => write!(f, "must be at most {} for this caller", most.get()),
            Self::Challenge(challenge) => {
                write!(f, "this caller may not ask for {}", challenge.as_str())
            }
            Self::Hidden => f.write_str("this caller may not use that value"),
            Self::Missing => f.write_str("must be set by this caller"),
            Self::LeftToProfile => f.write_str("must be left to a profile by this caller"),
        }
    }
}
