//! What a caller may ask of a session, each value within the bounds of the AWS
//! service model. The model's own patterns are not anchored; these are.

use super::ChallengePreference;

/// What a value had to be and was not. Its text completes the sentence "the
/// field ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokenConstraint(pub(super) &'static str);

/// The settings of a session; the default is AWS's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionSettings {
    /// Where the images go; `None`: they come back as bytes.
    pub output: Option<OutputConfig>,
    /// How many audit images to keep.
    pub audit_images_limit: AuditImagesLimit,
    /// The challenges to offer, the preferred one first.
    pub challenges: Vec<ChallengePreference>,
    /// The key that encrypts the images in S3.
    pub kms_key_id: Option<KmsKeyId>,
}

/// What a session shall be like, as its caller said it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestedSettings {
    /// In its own words.
    Settings(SessionSettings),
    /// As the operators have it under this name.
    Profile(ProfileName),
}

impl Default for RequestedSettings {
    /// Nothing said.
    fn default() -> Self {
        Self::Settings(SessionSettings::default())
    }
}

/// The bucket, and what its keys begin with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputConfig {
    /// A bucket of the account, in the region of the session.
    pub bucket: S3Bucket,
    /// What the keys begin with; `None`: nothing.
    pub key_prefix: Option<S3KeyPrefix>,
}

/// How many audit images to keep, at best effort: 0 to 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuditImagesLimit(u8);

impl AuditImagesLimit {
    /// A limit.
    ///
    /// # Errors
    /// Where `count` is not from 0 to 4.
    pub fn new(count: i32) -> Result<Self, BrokenConstraint> {
        match u8::try_from(count) {
            Ok(count @ 0..=4) => Ok(Self(count)),
            _ => Err(BrokenConstraint("must be from 0 to 4")),
        }
    }

    /// The count.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Declares a text that is right by construction.
macro_rules! bounded_text {
    ($(#[$attribute:meta])* $name:ident, $accepts:expr, $must:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads one.
            ///
            /// # Errors
            /// Where `text` breaks the constraint that the type names.
            pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
                let accepts: fn(&str) -> bool = $accepts;
                accepts(text)
                    .then(|| Self(text.to_owned()))
                    .ok_or(BrokenConstraint($must))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

bounded_text!(
    /// A KMS key: 1 to 2048 characters of `A-Z a-z 0-9 : _ / + = , @ . -`, a
    /// letter or digit first.
    KmsKeyId,
    |text| (1..=2048).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":_/+=,@.-".contains(&b)),
    "must be 1 to 2048 characters of A-Z a-z 0-9 : _ / + = , @ . - with a letter or digit first"
);

bounded_text!(
    /// A bucket: 3 to 255 characters of `A-Z a-z 0-9 . - _`.
    S3Bucket,
    |text| (3..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)),
    "must be 3 to 255 characters of A-Z a-z 0-9 . - _"
);

bounded_text!(
    /// What the keys of a bucket begin with: 1 to 950 characters, neither white
    /// space nor control characters.
    S3KeyPrefix,
    |text| (1..=950).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control()),
    "must be up to 950 characters without white space or control characters"
);

bounded_text!(
    /// Settings that the operators have named: 1 to 64 characters of `a-z 0-9 - _`.
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
    fn texts_are_held_to_their_bounds_at_both_ends() {
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
        for wrong in ["a b", "a\u{a0}b", "a\u{2028}", "a\0"] {
            assert!(S3KeyPrefix::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn audit_images_are_none_to_four() {
        assert_eq!(AuditImagesLimit::new(4).map(AuditImagesLimit::get), Ok(4));
        for wrong in [-1, 5, 260, i32::MIN] {
            assert!(AuditImagesLimit::new(wrong).is_err(), "{wrong}");
        }
    }
}
