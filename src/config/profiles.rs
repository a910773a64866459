//! The profiles: `[profiles.NAME]`, named session settings.
//!
//! For example, `[profiles.kyc]` on line 7 and `profiles = ["kyb"]` for a caller on line 9
//! give one error at line 9, because no profile is named `kyb`.

use std::collections::HashMap;

use super::key_path::KeyPath;
use super::kind::{Kind, integer};
use super::list::list;
use super::reader::Reader;
use super::section::Section;
use super::text::{constrained, name};
use crate::model::{
    AuditImagesLimit, ChallengePreference, KmsKeyId, OutputConfig, ProfileName, S3Bucket,
    S3KeyPrefix, SessionSettings,
};

/// The most profiles.
const MAX_PROFILES: usize = 100;

/// The profiles by name.
pub(super) type Profiles = HashMap<ProfileName, SessionSettings>;

/// Reads all profiles.
pub(super) fn read(reader: &mut Reader) -> Profiles {
    let section = KeyPath::dotted("profiles");
    let names = reader.names_below(&section);
    reader.limit_names(&section, &names, MAX_PROFILES, "profiles");
    let mut profiles = Profiles::new();
    for name in names {
        let key = section.child(&name);
        let profile = profile(reader, &key);
        match ProfileName::parse(&name) {
            Ok(name) => drop(profiles.insert(name, profile)),
            Err(broken) => reader.reject_section(&key, &format!("profile name {broken}")),
        }
    }
    profiles
}

/// The name of one of `profiles`.
pub(super) fn profile_name(profiles: &Profiles) -> Kind<'_, ProfileName> {
    let mut names: Vec<&str> = profiles.keys().map(ProfileName::as_str).collect();
    names.sort_unstable();
    let expected = match names.as_slice() {
        [] => "the name of a [profiles.NAME] section; none is configured".to_owned(),
        names => format!(
            "the name of a [profiles.NAME] section: {}",
            names.join(", ")
        ),
    };
    let parse = |text: &str| {
        let name = ProfileName::parse(text).ok()?;
        profiles.contains_key(&name).then_some(name)
    };
    name(expected, parse, |name| name.as_str().to_owned())
}

fn profile(reader: &mut Reader, key: &KeyPath) -> SessionSettings {
    let section = &mut Section::new(reader, key.clone());
    let bucket = section.optional("s3_bucket", &bucket());
    let key_prefix = section.optional("s3_key_prefix", &prefix());
    let kms_key_id = section.optional("kms_key_id", &kms_key());
    let no_images = AuditImagesLimit::default();
    let audit_images_limit = section.read("audit_images_limit", no_images, &audit_images());
    let challenge = constrained(ChallengePreference::parse, ChallengePreference::to_string);
    let challenges = list("challenges", 1..=10, challenge);
    let challenges = section.optional("challenge_types", &challenges);
    if bucket.is_none() && key_prefix.is_some() {
        let problem = "s3_key_prefix requires s3_bucket in the same profile";
        reader.conflict_between(&[key.child("s3_key_prefix")], problem);
    }
    SessionSettings {
        output: bucket.map(|bucket| OutputConfig { bucket, key_prefix }),
        audit_images_limit,
        challenges: challenges.unwrap_or_default(),
        kms_key_id,
    }
}

pub(super) fn bucket() -> Kind<'static, S3Bucket> {
    constrained(S3Bucket::parse, |bucket| bucket.as_str().to_owned())
}

pub(super) fn prefix() -> Kind<'static, S3KeyPrefix> {
    constrained(S3KeyPrefix::parse, |prefix| prefix.as_str().to_owned())
}

pub(super) fn kms_key() -> Kind<'static, KmsKeyId> {
    constrained(KmsKeyId::parse, |key| key.as_str().to_owned())
}

/// A number of audit images.
pub(super) fn audit_images() -> Kind<'static, AuditImagesLimit> {
    let number = integer(0..=4);
    let expected = number.expected.clone();
    let read = move |raw: &_| AuditImagesLimit::new(number.read(raw)?.try_into().ok()?).ok();
    Kind::new(expected, read, |limit| limit.get().to_string())
}
