//! The permissions of callers, and the profiles.

use livegate::auth::policy::Permissions;
use livegate::config::Config;
use livegate::model::{
    AuditImagesLimit, CallerId, ChallengePreference, ChallengeType, KmsKeyId, MinimumConfidence,
    Operation, OutputConfig, ProfileName, S3Bucket, S3KeyPrefix, SessionSettings,
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
minimum_confidence = 92.5
"#;

fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a name")
}

#[test]
fn a_section_sets_the_permissions_of_its_callers() {
    let config = from(ALL).config;
    let web = caller("spiffe://a.org/ns/pay/sa/web");
    let expected = Permissions {
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
        minimum_confidence: MinimumConfidence::new(92.5).ok(),
    };
    assert_eq!(config.policy.permissions.of(&web), &expected);
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
    let policy = from(ALL).config.policy;
    let challenges = [
        "FaceMovementChallenge@1.0.0..",
        "FaceMovementAndLightChallenge",
    ];
    let challenges = challenges.map(|challenge| ChallengePreference::parse(challenge).unwrap());
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
        policy.profiles[&ProfileName::parse("kyc").unwrap()],
        expected
    );
    let plain = from("[profiles.plain]\naudit_images_limit = 0")
        .config
        .policy;
    let plain = &plain.profiles[&ProfileName::parse("plain").unwrap()];
    assert_eq!(plain, &SessionSettings::default());
}

#[test]
fn printed_permissions_and_profiles_read_back() {
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
fn an_empty_list_differs_from_an_unset_list_in_every_source() {
    let given = sources(
        &[("LIVEGATE_CALLERS__WEB__BUCKETS", "[]")],
        &[
            "callers.web.allow=[]",
            "callers.web.kms_keys=alias/a, alias/b",
        ],
    );
    let policy = Config::load(&given).expect("valid sources").config.policy;
    let permissions = policy.permissions.of(&caller("web"));
    assert_eq!(permissions.buckets.as_deref(), Some(&[][..]));
    assert_eq!(permissions.allow.as_deref(), Some(&[][..]));
    assert_eq!(permissions.kms_keys.as_ref().map(Vec::len), Some(2));
    assert_eq!(permissions.prefixes, None);
    let empty = sources(&[("LIVEGATE_CALLERS__WEB__BUCKETS", "")], &[]);
    assert_eq!(
        errors_of(&empty),
        [
            "LIVEGATE_CALLERS__WEB__BUCKETS: callers.web.buckets = \"\": must be a list of 0 to 100 \
          buckets, each 3 to 255 characters of A-Z a-z 0-9 . - _"
        ]
    );
}

/// Settings, each with its error.
const ERRORS: &[(&str, &str)] = &[
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
             each the name of a [profiles.NAME] section; none is configured",
    ),
    (
        "callers.\"web**\".weight = 1",
        "[callers.\"web**\"]: ** must be a whole segment between slashes",
    ),
    (
        "profiles.Kyc.s3_bucket = \"abc\"",
        "[profiles.Kyc]: profile name must be 1 to 64 characters of a-z 0-9 - _",
    ),
    (
        "profiles.kyc.s3_key_prefix = \"a\"",
        "profiles.kyc.s3_key_prefix = \"a\": s3_key_prefix requires s3_bucket in the same profile",
    ),
    (
        "profiles.\"a. b\" = {s3_key_prefix = \"a\", s3_bucket = \"abc\"}",
        "[profiles.\"a. b\"]: profile name must be 1 to 64 characters of a-z 0-9 - _",
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
fn an_error_in_a_permission_names_key_value_and_bound() {
    for (text, expected) in ERRORS {
        assert_eq!(errors_in(text), [format!("<text>:1: {expected}")], "{text}");
    }
    let text = "callers.web.profiles = [\"kyb\"]\n[profiles.kyc]\n[profiles.kya]\n";
    let errors = errors_in(text);
    assert!(
        errors[0].ends_with("a [profiles.NAME] section: kya, kyc"),
        "{errors:?}"
    );
}

#[test]
fn a_conflict_in_a_profile_with_an_invalid_name_is_reported() {
    let errors = errors_in("[profiles.\"a. b\"]\ns3_key_prefix = \"a\"");
    assert_eq!(
        errors,
        [
            "<text>:1: [profiles.\"a. b\"]: profile name must be 1 to 64 characters of a-z 0-9 - _",
            "<text>:2: profiles.\"a. b\".s3_key_prefix = \"a\": s3_key_prefix requires s3_bucket in \
             the same profile",
        ]
    );
}

#[test]
fn there_are_at_most_100_profiles() {
    let text: String = (0..100).map(|n| format!("[profiles.p{n}]\n")).collect();
    assert_eq!(from(&text).config.policy.profiles.len(), 100);
    let errors = errors_in(&format!("{text}[profiles.more]\n"));
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].contains("has 101 profiles, must be at most 100"),
        "{errors:?}"
    );
}
