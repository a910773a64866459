//! The permissions of one caller.
//!
//! `None` allows every value, and an empty list allows none. For example, with
//! `prefixes = ["kyc/"]` a bucket needs a key prefix such as `kyc/7`; `kyc` and a
//! missing prefix are refused. With `prefixes = []` only a missing prefix is allowed.

use super::refusal::{Field, FieldRefused, NotAllowed};
use crate::model::{
    AuditImagesLimit, ChallengePreference, ChallengeType, KmsKeyId, MinimumConfidence, Operation,
    OutputConfig, ProfileName, S3Bucket, S3KeyPrefix, SessionSettings,
};

/// The methods that one caller may use, and the values that it may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The allowed methods; `None` applies [`super::DefaultPermission`].
    pub allow: Option<Vec<Operation>>,
    /// The allowed buckets.
    pub buckets: Option<Vec<S3Bucket>>,
    /// The allowed beginnings of the S3 key prefix.
    pub prefixes: Option<Vec<S3KeyPrefix>>,
    /// The allowed KMS keys.
    pub kms_keys: Option<Vec<KmsKeyId>>,
    /// The highest allowed limit of audit images.
    pub max_audit_images: Option<AuditImagesLimit>,
    /// The allowed challenges.
    pub challenge_types: Option<Vec<ChallengeType>>,
    /// The allowed profiles.
    pub profiles: Option<Vec<ProfileName>>,
    /// Whether the caller must name a profile and must not send settings of its own.
    pub require_profile: bool,
    /// The minimum confidence of its checks, which a request can raise and not lower.
    pub minimum_confidence: Option<MinimumConfidence>,
}

impl Permissions {
    /// Checks `settings` that the caller sent without a profile.
    pub(super) fn check(&self, settings: &SessionSettings) -> Result<(), NotAllowed> {
        let violations = if self.require_profile {
            profile_required(settings)
        } else {
            self.violations(settings)
        };
        NotAllowed::from_violations(violations)
    }

    fn violations(&self, settings: &SessionSettings) -> Vec<(Field, FieldRefused)> {
        let mut violations = Vec::new();
        if let (Some(key), Some(keys)) = (&settings.kms_key_id, &self.kms_keys)
            && !keys.contains(key)
        {
            violations.push((Field::KmsKey, FieldRefused::Hidden));
        }
        if let Some(output) = &settings.output {
            violations.extend(self.output_violations(output));
        }
        if let Some(most) = self.max_audit_images
            && settings.audit_images_limit > most
        {
            violations.push((Field::AuditImages, FieldRefused::TooMany(most)));
        }
        violations.extend(self.challenge_violations(&settings.challenges));
        violations
    }

    fn output_violations(&self, output: &OutputConfig) -> Vec<(Field, FieldRefused)> {
        let mut violations = Vec::new();
        let OutputConfig { bucket, key_prefix } = output;
        let buckets = self.buckets.as_ref();
        if buckets.is_some_and(|buckets| !buckets.contains(bucket)) {
            violations.push((Field::Bucket, FieldRefused::Bucket(bucket.clone())));
        }
        let sent = key_prefix.as_ref().map(S3KeyPrefix::as_str);
        // S3 takes `..` literally, but a tool that copies keys to a file system might not.
        let has_dots = |sent: &str| sent.split('/').any(|part| matches!(part, "." | ".."));
        let matches = |listed: &S3KeyPrefix| {
            sent.is_some_and(|sent| sent.starts_with(listed.as_str()) && !has_dots(sent))
        };
        match self.prefixes.as_deref() {
            None => {}
            Some([]) if sent.is_none() => {}
            Some(prefixes) if prefixes.iter().any(matches) => {}
            Some(_) => violations.push((Field::Prefix, FieldRefused::Hidden)),
        }
        violations
    }

    /// Reports each forbidden challenge once, at its first position in the list.
    fn challenge_violations(&self, sent: &[ChallengePreference]) -> Vec<(Field, FieldRefused)> {
        let Some(allowed) = &self.challenge_types else {
            return Vec::new();
        };
        let mut reported: Vec<ChallengeType> = Vec::new();
        let mut violations = Vec::new();
        for (index, ChallengePreference { challenge, .. }) in sent.iter().enumerate() {
            if !allowed.contains(challenge) && !reported.contains(challenge) {
                reported.push(*challenge);
                violations.push((Field::Challenge(index), FieldRefused::Challenge(*challenge)));
            }
        }
        violations
    }
}

/// Returns the violations of a caller that must name a profile and sent `settings`.
fn profile_required(settings: &SessionSettings) -> Vec<(Field, FieldRefused)> {
    let mut violations = Vec::new();
    if settings.kms_key_id.is_some() {
        violations.push((Field::KmsKey, FieldRefused::OnlyInProfile));
    }
    let rest = SessionSettings {
        kms_key_id: None,
        ..settings.clone()
    };
    if rest != SessionSettings::default() {
        violations.push((Field::Settings, FieldRefused::OnlyInProfile));
    }
    violations.push((Field::Profile, FieldRefused::Missing));
    violations
}
