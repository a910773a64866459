//! The profiles: `[profiles.NAME]`, settings of a session by a name of their own.
//!
//! An example: `[profiles.kyc]` with `s3_bucket = "kyc-images"` on line 7 and
//! `profiles = ["kyb"]` for a caller on line 9 are one error, told at line 9: there
//! is no profile `kyb`.

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
const MOST: usize = 100;

/// The most challenges that one of them may offer.
const MOST_CHALLENGES: usize = 10;

/// The profiles by their names.
pub(super) struct Profiles {
    pub(super) settings: HashMap<ProfileName, SessionSettings>,
}

impl Profiles {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let profiles = KeyPath::dotted("profiles");
        let names = reader.names_below(&profiles);
        if names.len() > MOST {
            let problem = format!("names {} profiles, must be at most {MOST}", names.len());
            reader.refuse(&profiles, &problem);
        }
        let mut settings = HashMap::new();
        for name in names {
            let key = profiles.child(&name);
            let read = profile(reader, &key);
            match ProfileName::parse(&name) {
                Ok(name) => drop(settings.insert(name, read)),
                Err(broken) => reader.refuse(&key, &format!("a profile's name {broken}")),
            }
        }
        Self { settings }
    }

    /// The kind of a name that one of them has.
    pub(super) fn names(&self) -> ProfileReference<'_> {
        ProfileReference(self)
    }
}

/// The name of one of the profiles.
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
            [] => "the name of a section [profiles.NAME], of which there is none".to_owned(),
            names => format!(
                "the name of a section [profiles.NAME]: {}",
                names.join(", ")
            ),
        }
    }

    fn write(&self, value: &ProfileName) -> String {
        quote(value.as_str())
    }
}

fn profile(reader: &mut Reader, key: &KeyPath) -> SessionSettings {
    let at = &mut Section::new(reader, key.clone());
    let bucket = at.optional("s3_bucket", &BUCKET);
    let key_prefix = at.optional("s3_key_prefix", &PREFIX);
    let kms_key_id = at.optional("kms_key_id", &KMS_KEY);
    let audit_images = at.small_integer("audit_images_limit", 0, 0..=4);
    let challenges = at.optional("challenge_types", &CHALLENGES);
    if bucket.is_none() && key_prefix.is_some() {
        let problem = "s3_key_prefix needs an s3_bucket beside it";
        reader.clash(&[&format!("{key}.s3_key_prefix")], problem);
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
    show: |one| one.as_str().to_owned(),
};

pub(super) const PREFIX: Constrained<S3KeyPrefix> = Constrained {
    parse: S3KeyPrefix::parse,
    show: |one| one.as_str().to_owned(),
};

pub(super) const KMS_KEY: Constrained<KmsKeyId> = Constrained {
    parse: KmsKeyId::parse,
    show: |one| one.as_str().to_owned(),
};

/// The challenges of a profile, the preferred one first.
const CHALLENGES: List<Constrained<ChallengePreference>> = List {
    each: Constrained {
        parse: ChallengePreference::parse,
        show: ChallengePreference::to_string,
    },
    sizes: 1..=MOST_CHALLENGES,
    plural: "challenges",
};
