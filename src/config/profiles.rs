//! The profiles: `[profiles.NAME]`, named session settings.
//!
//! For example, `[profiles.kyc]` on line 7 and `profiles = ["kyb"]` for a caller on line 9
//! give one error at line 9, because no profile is named `kyb`.

use std::collections::HashMap;

use super::constrained::Constrained;
use super::key_path::{KeyPath, quote};
use super::kind::Kind;
use super::layers::RawValue;
use super::list::List;
use super::reader::Reader;
use super::section::Section;
use crate::model::{
    AuditImagesLimit, ChallengePreference, KmsKeyId, OutputConfig, ProfileName, S3Bucket,
    S3KeyPrefix, SessionSettings,
};

/// The most profiles.
const MAX_PROFILES: usize = 100;

/// The most challenges in a profile.
const MAX_CHALLENGES: usize = 10;

/// The profiles by name.
pub(super) struct Profiles {
    pub(super) settings: HashMap<ProfileName, SessionSettings>,
}

impl Profiles {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let profiles = KeyPath::dotted("profiles");
        let names = reader.names_below(&profiles);
        if names.len() > MAX_PROFILES {
            let problem = format!(
                "has {} profiles, must be at most {MAX_PROFILES}",
                names.len()
            );
            reader.reject_section(&profiles, &problem);
        }
        let mut settings = HashMap::new();
        for name in names {
            let key = profiles.child(&name);
            let profile = profile(reader, &key);
            match ProfileName::parse(&name) {
                Ok(name) => drop(settings.insert(name, profile)),
                Err(broken) => reader.reject_section(&key, &format!("profile name {broken}")),
            }
        }
        Self { settings }
    }

    /// The kind of a reference to one of the profiles.
    pub(super) fn names(&self) -> ProfileReference<'_> {
        ProfileReference(self)
    }
}

/// The name of an existing profile.
pub(super) struct ProfileReference<'p>(&'p Profiles);

impl Kind for ProfileReference<'_> {
    type Value = ProfileName;

    fn read(&self, raw: &RawValue) -> Option<ProfileName> {
        let name = ProfileName::parse(raw.text()?).ok()?;
        self.0.settings.contains_key(&name).then_some(name)
    }

    fn expected(&self, _: &RawValue) -> String {
        let mut names: Vec<&str> = self.0.settings.keys().map(ProfileName::as_str).collect();
        names.sort_unstable();
        match names.as_slice() {
            [] => "the name of a [profiles.NAME] section; none is configured".to_owned(),
            names => format!(
                "the name of a [profiles.NAME] section: {}",
                names.join(", ")
            ),
        }
    }

    fn write(&self, value: &ProfileName) -> String {
        quote(value.as_str())
    }
}

fn profile(reader: &mut Reader, key: &KeyPath) -> SessionSettings {
    let section = &mut Section::new(reader, key.clone());
    let bucket = section.optional("s3_bucket", &BUCKET);
    let key_prefix = section.optional("s3_key_prefix", &PREFIX);
    let kms_key_id = section.optional("kms_key_id", &KMS_KEY);
    let audit_images = section.small_integer("audit_images_limit", 0, 0..=4);
    let challenges = section.optional("challenge_types", &CHALLENGES);
    if bucket.is_none() && key_prefix.is_some() {
        let problem = "s3_key_prefix requires s3_bucket in the same profile";
        reader.conflict(&[&format!("{key}.s3_key_prefix")], problem);
    }
    SessionSettings {
        output: bucket.map(|bucket| OutputConfig { bucket, key_prefix }),
        audit_images_limit: AuditImagesLimit::new(audit_images.into()).unwrap_or_default(),
        challenges: challenges.unwrap_or_default(),
        kms_key_id,
    }
}

pub(super) const BUCKET: Constrained<S3Bucket> = Constrained {
    parse: S3Bucket::parse,
    format: |value| value.as_str().to_owned(),
};

pub(super) const PREFIX: Constrained<S3KeyPrefix> = Constrained {
    parse: S3KeyPrefix::parse,
    format: |value| value.as_str().to_owned(),
};

pub(super) const KMS_KEY: Constrained<KmsKeyId> = Constrained {
    parse: KmsKeyId::parse,
    format: |value| value.as_str().to_owned(),
};

/// The challenges of a profile, in order of preference.
const CHALLENGES: List<Constrained<ChallengePreference>> = List {
    each: Constrained {
        parse: ChallengePreference::parse,
        format: ChallengePreference::to_string,
    },
    sizes: 1..=MAX_CHALLENGES,
    plural: "challenges",
};
