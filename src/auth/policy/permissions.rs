//! What one caller is granted.
//!
//! `None` bounds nothing, and a list of none lets nothing be sent. An example: with
//! `prefixes = ["kyc/"]` a bucket needs a prefix such as `kyc/7`, and goes with
//! neither `kyc` nor none; with `prefixes = []` it goes with none alone.

use super::refusal::{Field, FieldRefused, NotAllowed};
use crate::model::{
    AuditImagesLimit, ChallengePreference, ChallengeType, KmsKeyId, Operation, OutputConfig,
    ProfileName, S3Bucket, S3KeyPrefix, SessionSettings,
};

/// What one caller may use and send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The methods that it may use; `None`: as the service has it for all.
    pub allow: Option<Vec<Operation>>,
    /// The buckets that it may name.
    pub buckets: Option<Vec<S3Bucket>>,
    /// With what the prefix of a bucket's keys must begin.
    pub prefixes: Option<Vec<S3KeyPrefix>>,
    /// The KMS keys that it may name.
    pub kms_keys: Option<Vec<KmsKeyId>>,
    /// The most audit images that it may have kept.
    pub max_audit_images: Option<AuditImagesLimit>,
    /// The challenges that it may name.
    pub challenge_types: Option<Vec<ChallengeType>>,
    /// The profiles that it may pick.
    pub profiles: Option<Vec<ProfileName>>,
    /// Whether it may say itself what a session shall be like.
    pub require_profile: bool,
}

impl Permissions {
    pub(super) fn may_pick(&self, profile: &ProfileName) -> bool {
        let listed = self.profiles.as_ref();
        listed.is_none_or(|profiles| profiles.contains(profile))
    }

    /// Lets `settings` through, which the caller sends itself.
    pub(super) fn own_words(&self, settings: &SessionSettings) -> Result<(), NotAllowed> {
        let refused = if self.require_profile {
            without_profile(settings)
        } else {
            self.beyond(settings)
        };
        NotAllowed::of(refused)
    }

    /// What of `settings` is beyond the grant.
    fn beyond(&self, settings: &SessionSettings) -> Vec<(Field, FieldRefused)> {
        let mut refused = Vec::new();
        if let (Some(key), Some(keys)) = (&settings.kms_key_id, &self.kms_keys)
            && !keys.contains(key)
        {
            refused.push((Field::KmsKey, FieldRefused::Hidden));
        }
        if let Some(output) = &settings.output {
            refused.extend(self.beyond_output(output));
        }
        if let Some(most) = self.max_audit_images
            && settings.audit_images_limit > most
        {
            refused.push((Field::AuditImages, FieldRefused::TooMany(most)));
        }
        refused.extend(self.beyond_challenges(&settings.challenges));
        refused
    }

    fn beyond_output(&self, output: &OutputConfig) -> Vec<(Field, FieldRefused)> {
        let mut refused = Vec::new();
        let OutputConfig { bucket, key_prefix } = output;
        let buckets = self.buckets.as_ref();
        if buckets.is_some_and(|buckets| !buckets.contains(bucket)) {
            refused.push((Field::Bucket, FieldRefused::Bucket(bucket.clone())));
        }
        let sent = key_prefix.as_ref().map(S3KeyPrefix::as_str);
        // S3 takes `..` as it stands; who copies its keys to files might not.
        let climbs = |sent: &str| sent.split('/').any(|part| matches!(part, "." | ".."));
        let begins = |listed: &S3KeyPrefix| {
            sent.is_some_and(|sent| sent.starts_with(listed.as_str()) && !climbs(sent))
        };
        match self.prefixes.as_deref() {
            None => {}
            Some([]) if sent.is_none() => {}
            Some(prefixes) if prefixes.iter().any(begins) => {}
            Some(_) => refused.push((Field::Prefix, FieldRefused::Hidden)),
        }
        refused
    }

    /// Each challenge once, where it was named first.
    fn beyond_challenges(&self, named: &[ChallengePreference]) -> Vec<(Field, FieldRefused)> {
        let Some(allowed) = &self.challenge_types else {
            return Vec::new();
        };
        let mut told: Vec<ChallengeType> = Vec::new();
        let mut refused = Vec::new();
        for (at, ChallengePreference { challenge, .. }) in named.iter().enumerate() {
            if !allowed.contains(challenge) && !told.contains(challenge) {
                told.push(*challenge);
                refused.push((Field::Challenge(at), FieldRefused::Challenge(*challenge)));
            }
        }
        refused
    }
}

/// What was sent in the place of a profile.
fn without_profile(settings: &SessionSettings) -> Vec<(Field, FieldRefused)> {
    let mut refused = Vec::new();
    if settings.kms_key_id.is_some() {
        refused.push((Field::KmsKey, FieldRefused::LeftToProfile));
    }
    let rest = SessionSettings {
        kms_key_id: None,
        ..settings.clone()
    };
    if rest != SessionSettings::default() {
        refused.push((Field::Settings, FieldRefused::LeftToProfile));
    }
    refused.push((Field::Profile, FieldRefused::Missing));
    refused
}
