//! What a caller is granted: the keys of a `[callers]` section that say so.
//!
//! An example: `buckets = ["kyc-images"]` and `prefixes = []` let the caller name
//! that bucket alone, and no prefix of its keys.

use super::constrained::Constrained;
use super::kind::{Choice, Kind};
use super::list::List;
use super::profiles::{BUCKET, KMS_KEY, PREFIX, Profiles};
use super::section::Section;
use crate::auth::policy::Permissions;
use crate::model::{AuditImagesLimit, ChallengeType, Operation};

/// The most values in a list of one caller.
const MOST: usize = 100;

/// As [`Operation`], in the words of the file.
const OPERATIONS: [(&str, Operation); 2] = [
    ("create", Operation::Create),
    ("results", Operation::Results),
];

/// Reads what the caller of the section `at` is granted.
pub(super) fn grant(at: &mut Section<'_>, profiles: &Profiles) -> Permissions {
    let challenges = Constrained {
        parse: ChallengeType::parse,
        show: |one| one.as_str().to_owned(),
    };
    Permissions {
        allow: at.optional("allow", &list("operations", Choice(&OPERATIONS))),
        buckets: at.optional("buckets", &list("buckets", BUCKET)),
        prefixes: at.optional("prefixes", &list("prefixes", PREFIX)),
        kms_keys: at.optional("kms_keys", &list("keys", KMS_KEY)),
        max_audit_images: AuditImagesLimit::new(
            at.small_integer("max_audit_images", 4, 0..=4).into(),
        )
        .ok(),
        challenge_types: at.optional("challenge_types", &list("challenges", challenges)),
        profiles: at.optional("profiles", &list("profiles", profiles.names())),
        require_profile: at.flag("require_profile", false),
    }
}

fn list<K: Kind>(plural: &'static str, each: K) -> List<K> {
    List {
        each,
        sizes: 0..=MOST,
        plural,
    }
}
