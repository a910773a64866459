//! What callers may do, as the configuration says it.

use livegate::auth::policy::Permissions;
use livegate::config::Config;
use livegate::model::{
    AuditImagesLimit, CallerId, ChallengePreference, ChallengeType, KmsKeyId, Operation,
    OutputConfig, ProfileName, S3Bucket, S3KeyPrefix, SessionSettings,
};

use super::{errors_in, errors_of, from, sources};

const ALL: &str = r#"
[profiles.kyc]
s3_bucket = "kyc-images"
s3_key_prefix = "live/"
kms_key_id = "alias/kyc"
audit_images_limit = 2
challenge_types = ["FaceMovementChallenge@1.0.0..", "FaceMovementAndLightChallenge"]

[callers."spiffe://a.org/ns/*/sa/web"]
weight = 7
allow = ["create"]
buckets = ["one", "two"]
prefixes = ["live/"]
kms_keys = ["alias/kyc"]
max_audit_images = 1
challenge_types = ["FaceMovementChallenge"]
profiles = ["kyc"]
require_profile = true
"#;

fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a name")
}

#[test]
fn a_section_says_what_its_callers_are_granted() {
    let config = from(ALL).config;
    let web = caller("spiffe://a.org/ns/pay/sa/web");
    let grant = Permissions {
        allow: Some(vec![Operation::Create]),
        buckets: Some(vec![
            S3Bucket::parse("one").unwrap(),
            S3Bucket::parse("two").unwrap(),
        ]),
        prefixes: Some(vec![S3KeyPrefix::parse("live/").unwrap()]),
        kms_keys: Some(vec![KmsKeyId::parse("alias/kyc").unwrap()]),
        max_audit_images: AuditImagesLimit::new(1).ok(),
        challenge_types: Some(vec![ChallengeType::FaceMovement]),
        profiles: Some(vec![ProfileName::parse("kyc").unwrap()]),
        require_profile: true,
    };
    assert_eq!(config.policy.permissions.of(&web), &grant);
    assert_eq!(config.callers.limits.of(&web).weight.get(), 7);
    let other = caller("spiffe://a.org/ns/pay/sa/job");
    let unset = Permissions {
        max_audit_images: AuditImagesLimit::new(4).ok(),
        ..Permissions::default()
    };
    assert_eq!(config.policy.permissions.of(&other), &unset);
    assert_eq!(config.callers.limits.of(&other).weight.get(), 1);
}

#[test]
fn a_profile_holds_the_settings_of_a_session() {
    let rules = from(ALL).config.policy;
    let challenges = [
        "FaceMovementChallenge@1.0.0..",
        "FaceMovementAndLightChallenge",
    ];
    let challenges = challenges.map(|one| ChallengePreference::parse(one).unwrap());
    let expected = SessionSettings {
        output: Some(OutputConfig {
            bucket: S3Bucket::parse("kyc-images").unwrap(),
            key_prefix: S3KeyPrefix::parse("live/").ok(),
        }),
        audit_images_limit: AuditImagesLimit::new(2).unwrap(),
        challenges: challenges.to_vec(),
        kms_key_id: KmsKeyId::parse("alias/kyc").ok(),
    };
    assert_eq!(
        rules.profiles[&ProfileName::parse("kyc").unwrap()],
        expected
    );
    let plain = from("[profiles.plain]\naudit_images_limit = 0")
        .config
        .policy;
    let plain = &plain.profiles[&ProfileName::parse("plain").unwrap()];
    assert_eq!(plain, &SessionSettings::default());
}

#[test]
fn rules_and_profiles_read_back_from_what_is_printed() {
    let none = "[callers.none]\nallow = []\nbuckets = []\nprofiles = []\n";
    let loaded = from(&format!("{ALL}{none}"));
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
    let printed = loaded.to_toml();
    for line in [
        "buckets = [\"one\", \"two\"] ",
        "allow = [] ",
        "# kms_keys is not set ",
    ] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
}

#[test]
fn a_list_of_none_is_not_a_list_that_is_unset_in_the_file_and_elsewhere() {
    let given = sources(
        &[("LIVEGATE_CALLERS__WEB__BUCKETS", "[]")],
        &[
            "callers.web.allow=[]",
            "callers.web.kms_keys=alias/a, alias/b",
        ],
    );
    let rules = Config::load(&given).expect("right sources").config.policy;
    let grant = rules.permissions.of(&caller("web"));
    assert_eq!(grant.buckets.as_deref(), Some(&[][..]));
    assert_eq!(grant.allow.as_deref(), Some(&[][..]));
    assert_eq!(grant.kms_keys.as_ref().map(Vec::len), Some(2));
    assert_eq!(grant.prefixes, None);
    let empty = sources(&[("LIVEGATE_CALLERS__WEB__BUCKETS", "")], &[]);
    assert_eq!(
        errors_of(&empty),
        [
            "LIVEGATE_CALLERS__WEB__BUCKETS: callers.web.buckets = \"\": must be a list of 0 to 100 \
          buckets, each 3 to 255 characters of A-Z a-z 0-9 . - _"
        ]
    );
}

/// A setting, and what is said of it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "callers.web.allow = [\"create\", \"delete\"]",
        "callers.web.allow = [\"create\", \"delete\"]: must be a list of 0 to 100 operations, \
             each one of \"create\", \"results\"",
    ),
    (
        "callers.web.buckets = [\"no bucket\"]",
        "callers.web.buckets = [\"no bucket\"]: must be a list of 0 to 100 buckets, \
             each 3 to 255 characters of A-Z a-z 0-9 . - _",
    ),
    (
        "callers.web.prefixes = [\"a b\"]",
        "callers.web.prefixes = [\"a b\"]: must be a list of 0 to 100 prefixes, \
             each up to 950 characters without white space or control characters",
    ),
    (
        "callers.web.challenge_types = [\"Blink\"]",
        "callers.web.challenge_types = [\"Blink\"]: must be a list of 0 to 100 challenges, \
             each \"FaceMovementAndLightChallenge\" or \"FaceMovementChallenge\"",
    ),
    (
        "callers.web.max_audit_images = 5",
        "callers.web.max_audit_images = 5: must be a whole number from 0 to 4",
    ),
    (
        "callers.web.profiles = [\"kyc\"]",
        "callers.web.profiles = [\"kyc\"]: must be a list of 0 to 100 profiles, \
             each the name of a section [profiles.NAME], of which there is none",
    ),
    (
        "callers.\"web**\".weight = 1",
        "[callers.\"web**\"]: ** must stand between slashes, in the place of a whole segment",
    ),
    (
        "profiles.Kyc.s3_bucket = \"abc\"",
        "[profiles.Kyc]: a profile's name must be 1 to 64 characters of a-z 0-9 - _",
    ),
    (
        "profiles.kyc.s3_key_prefix = \"a\"",
        "profiles.kyc.s3_key_prefix = \"a\": s3_key_prefix needs an s3_bucket beside it",
    ),
    (
        "profiles.kyc.kms_key_id = \"/a\"",
        "profiles.kyc.kms_key_id = \"/a\": must be 1 to 2048 characters of \
             A-Z a-z 0-9 : _ / + = , @ . - with a letter or digit first",
    ),
    (
        "profiles.kyc.buckets = []",
        "profiles.kyc.buckets: no such key; did you mean profiles.kyc.s3_bucket?",
    ),
];

#[test]
fn a_mistake_in_a_rule_names_key_value_and_bound() {
    for (text, expected) in MISTAKES {
        assert_eq!(errors_in(text), [format!("<text>:1: {expected}")], "{text}");
    }
    let known = "callers.web.profiles = [\"kyb\"]\n[profiles.kyc]\n[profiles.kya]\n";
    let told = errors_in(known);
    assert!(
        told[0].ends_with("a section [profiles.NAME]: kya, kyc"),
        "{told:?}"
    );
}

#[test]
fn profiles_are_at_most_100() {
    let text: String = (0..100).map(|n| format!("[profiles.p{n}]\n")).collect();
    assert_eq!(from(&text).config.policy.profiles.len(), 100);
    let told = errors_in(&format!("{text}[profiles.more]\n"));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("names 101 profiles, must be at most 100"),
        "{told:?}"
    );
}
