//! Session settings, each within the bounds of the AWS service model.
//!
//! The patterns in the service model are not anchored; these constraints apply to the
//! whole text.

use super::ChallengePreference;

/// The constraint that a value violates, as a predicate such as "must be from 0 to 4".
/// The caller puts the field before it and the value after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokenConstraint(pub(super) &'static str);

/// The settings of a session. The default equals the AWS default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionSettings {
    /// Where AWS stores the images; `None`: the result contains them as bytes.
    pub output: Option<OutputConfig>,
    /// The number of audit images to keep.
    pub audit_images_limit: AuditImagesLimit,
    /// The challenges to offer, in order of preference.
    pub challenges: Vec<ChallengePreference>,
    /// The KMS key that encrypts the images in S3.
    pub kms_key_id: Option<KmsKeyId>,
}

/// The settings that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestedSettings {
    /// Settings from the request itself.
    Settings(SessionSettings),
    /// The settings of a configured profile.
    Profile(ProfileName),
}

impl Default for RequestedSettings {
    /// The default settings.
    fn default() -> Self {
        Self::Settings(SessionSettings::default())
    }
}

/// Where in S3 the images are stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputConfig {
    /// A bucket in Livegate's AWS account and the session's region.
    pub bucket: S3Bucket,
    /// The prefix of the object keys.
    pub key_prefix: Option<S3KeyPrefix>,
}

/// The number of audit images to keep: 0 to 4. AWS may keep fewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuditImagesLimit(u8);

impl AuditImagesLimit {
    /// Creates a limit.
    ///
    /// # Errors
    /// If `count` is not from 0 to 4.
    pub fn new(count: i32) -> Result<Self, BrokenConstraint> {
        match u8::try_from(count) {
            Ok(count @ 0..=4) => Ok(Self(count)),
            _ => Err(BrokenConstraint("must be from 0 to 4")),
        }
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Declares a text type that is valid by construction.
macro_rules! bounded_text {
    ($(#[$attribute:meta])* $name:ident, $accepts:expr, $must:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// If `text` violates the constraint in the type's documentation.
            pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
                let accepts: fn(&str) -> bool = $accepts;
                accepts(text)
                    .then(|| Self(text.to_owned()))
                    .ok_or(BrokenConstraint($must))
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

bounded_text!(
    /// The id of a KMS key: 1 to 2048 characters of `A-Z a-z 0-9 : _ / + = , @ . -`,
    /// starting with a letter or digit.
    KmsKeyId,
    |text| (1..=2048).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":_/+=,@.-".contains(&b)),
    "must be 1 to 2048 characters of A-Z a-z 0-9 : _ / + = , @ . - with a letter or digit first"
);

bounded_text!(
    /// The name of an S3 bucket: 3 to 255 characters of `A-Z a-z 0-9 . - _`.
    S3Bucket,
    |text| (3..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)),
    "must be 3 to 255 characters of A-Z a-z 0-9 . - _"
);

bounded_text!(
    /// A prefix of S3 object keys: 1 to 950 characters without white space and control
    /// characters.
    S3KeyPrefix,
    |text| (1..=950).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control()),
    "must be up to 950 characters without white space or control characters"
);

bounded_text!(
    /// The name of a settings profile: 1 to 64 characters of `a-z 0-9 - _`.
    #[derive(PartialOrd, Ord)]
    ProfileName,
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)),
    "must be 1 to 64 characters of a-z 0-9 - _"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_lower_and_upper_length_bounds() {
        assert!(S3Bucket::parse("abc").is_ok());
        assert!(S3Bucket::parse("ab").is_err());
        assert!(S3Bucket::parse(&"a".repeat(255)).is_ok());
        assert!(S3Bucket::parse(&"a".repeat(256)).is_err());
        assert!(S3Bucket::parse("my bucket").is_err());
        assert!(KmsKeyId::parse("alias/a").is_ok());
        assert!(KmsKeyId::parse("/alias").is_err());
        assert!(KmsKeyId::parse("").is_err());
        assert!(KmsKeyId::parse(&"a".repeat(2049)).is_err());
        assert!(S3KeyPrefix::parse(&"é".repeat(950)).is_ok());
        assert!(S3KeyPrefix::parse(&"é".repeat(951)).is_err());
        for invalid in ["a b", "a\u{a0}b", "a\u{2028}", "a\0"] {
            assert!(S3KeyPrefix::parse(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn the_audit_images_limit_is_0_to_4() {
        assert_eq!(AuditImagesLimit::new(4).map(AuditImagesLimit::get), Ok(4));
        for invalid in [-1, 5, 260, i32::MIN] {
            assert!(AuditImagesLimit::new(invalid).is_err(), "{invalid}");
        }
    }
}
