//! The permissions of a caller: the keys of a `[callers]` section that grant them.
//!
//! For example, `buckets = ["kyc-images"]` and `prefixes = []` permit the caller to send
//! that bucket, and no key prefix.

use super::kind::{Kind, number};
use super::list::list;
use super::profiles::{Profiles, audit_images, bucket, kms_key, prefix, profile_name};
use super::section::Section;
use super::text::{choice, constrained};
use crate::auth::policy::Permissions;
use crate::model::{AuditImagesLimit, ChallengeType, MinimumConfidence, Operation};

/// The names of the operations in the file.
const OPERATIONS: [(&str, Operation); 2] = [
    ("create", Operation::Create),
    ("results", Operation::Results),
];

/// Reads the permissions in a caller's section.
pub(super) fn permissions(section: &mut Section<'_>, profiles: &Profiles) -> Permissions {
    let challenge = constrained(ChallengeType::parse, |challenge| {
        challenge.as_str().to_owned()
    });
    let most_images = AuditImagesLimit::new(4).expect("4 is the upper bound");
    Permissions {
        allow: section.optional("allow", &up_to_100("operations", choice(&OPERATIONS))),
        buckets: section.optional("buckets", &up_to_100("buckets", bucket())),
        prefixes: section.optional("prefixes", &up_to_100("prefixes", prefix())),
        kms_keys: section.optional("kms_keys", &up_to_100("keys", kms_key())),
        max_audit_images: Some(section.read("max_audit_images", most_images, &audit_images())),
        challenge_types: section.optional("challenge_types", &up_to_100("challenges", challenge)),
        profiles: section.optional("profiles", &up_to_100("profiles", profile_name(profiles))),
        require_profile: section.flag("require_profile", false),
        minimum_confidence: section
            .optional("minimum_confidence", &number(0.0..=100.0))
            .and_then(|percent| MinimumConfidence::new(percent as f32).ok()),
    }
}

fn up_to_100<'k, T: 'k>(plural: &str, each: Kind<'k, T>) -> Kind<'k, Vec<T>> {
    list(plural, 0..=100, each)
}
