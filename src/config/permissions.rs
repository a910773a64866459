//! The permissions of a caller: the keys of a `[callers]` section that grant them.
//!
//! For example, `buckets = ["kyc-images"]` and `prefixes = []` permit the caller to send
//! that bucket, and no key prefix.

use super::constrained::Constrained;
use super::kind::{Choice, Kind};
use super::list::List;
use super::profiles::{BUCKET, KMS_KEY, PREFIX, Profiles};
use super::section::Section;
use crate::auth::policy::Permissions;
use crate::model::{AuditImagesLimit, ChallengeType, Operation};

/// The most values in one list.
const MAX_VALUES: usize = 100;

/// The names of the operations in the file.
const OPERATIONS: [(&str, Operation); 2] = [
    ("create", Operation::Create),
    ("results", Operation::Results),
];

/// Reads the permissions in a caller's section.
pub(super) fn permissions(section: &mut Section<'_>, profiles: &Profiles) -> Permissions {
    let challenges = Constrained {
        parse: ChallengeType::parse,
        format: |challenge| challenge.as_str().to_owned(),
    };
    Permissions {
        allow: section.optional("allow", &list("operations", Choice(&OPERATIONS))),
        buckets: section.optional("buckets", &list("buckets", BUCKET)),
        prefixes: section.optional("prefixes", &list("prefixes", PREFIX)),
        kms_keys: section.optional("kms_keys", &list("keys", KMS_KEY)),
        max_audit_images: AuditImagesLimit::new(
            section.small_integer("max_audit_images", 4, 0..=4).into(),
        )
        .ok(),
        challenge_types: section.optional("challenge_types", &list("challenges", challenges)),
        profiles: section.optional("profiles", &list("profiles", profiles.names())),
        require_profile: section.flag("require_profile", false),
    }
}

fn list<K: Kind>(plural: &'static str, each: K) -> List<K> {
    List {
        each,
        sizes: 0..=MAX_VALUES,
        plural,
    }
}
