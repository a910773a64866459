//! Authorization, field by field.

mod reload;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::model::{
    AuditImagesLimit, CallerGlob, CallerGlobs, ChallengePreference, ChallengeType, KmsKeyId,
    OutputConfig, S3Bucket, S3KeyPrefix,
};

fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a plain name")
}

fn images(count: i32) -> AuditImagesLimit {
    AuditImagesLimit::new(count).expect("in bounds")
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).expect("a name")
}

/// The permissions of a caller whose default permissions are `default`.
fn permissions_of(default: Permissions) -> CallerPermissions {
    let policy = Policy {
        permissions: default.into(),
        profiles: HashMap::from([
            (name("plain"), SessionSettings::default()),
            (name("full"), all_fields_set()),
        ]),
    };
    Authorizer::new(policy, DefaultPermission::Allow).permissions(&caller("a"))
}

/// Settings with every field set.
fn all_fields_set() -> SessionSettings {
    SessionSettings {
        output: Some(output("bucket", Some("kyc/7"))),
        audit_images_limit: images(3),
        challenges: ["FaceMovementChallenge", "FaceMovementAndLightChallenge"]
            .iter()
            .map(|one| ChallengePreference::parse(one).expect("a challenge"))
            .collect(),
        kms_key_id: KmsKeyId::parse("alias/a").ok(),
    }
}

fn output(bucket: &str, prefix: Option<&str>) -> OutputConfig {
    OutputConfig {
        bucket: S3Bucket::parse(bucket).expect("a bucket"),
        key_prefix: prefix.map(|prefix| S3KeyPrefix::parse(prefix).expect("a prefix")),
    }
}

fn storing(prefix: Option<&str>) -> SessionSettings {
    SessionSettings {
        output: Some(output("bucket", prefix)),
        ..SessionSettings::default()
    }
}

/// The error for `settings` under `permissions`; empty if they are allowed.
fn refused(permissions: &Permissions, settings: SessionSettings) -> String {
    let requested = RequestedSettings::Settings(settings);
    match permissions_of(permissions.clone()).settings(&requested) {
        Ok(allowed) => {
            let allowed = RequestedSettings::Settings(allowed);
            assert_eq!(allowed, requested, "allowed settings are unchanged");
            String::new()
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn empty_permissions_allow_every_setting() {
    assert_eq!(refused(&Permissions::default(), all_fields_set()), "");
    assert_eq!(
        refused(&Permissions::default(), SessionSettings::default()),
        ""
    );
}

#[test]
fn empty_lists_allow_only_unset_fields() {
    let permissions = Permissions {
        buckets: Some(Vec::new()),
        prefixes: Some(Vec::new()),
        kms_keys: Some(Vec::new()),
        max_audit_images: Some(images(0)),
        challenge_types: Some(Vec::new()),
        ..Permissions::default()
    };
    assert_eq!(refused(&permissions, SessionSettings::default()), "");
    let error = refused(&permissions, all_fields_set());
    let expected = "not allowed: \
        kms_key_id: value is not allowed for this caller; \
        settings.output_config.s3_bucket: \"bucket\" is not allowed for this caller; \
        settings.output_config.s3_key_prefix: value is not allowed for this caller; \
        settings.audit_images_limit: must be at most 0 for this caller; \
        settings.challenge_preferences[0].type: \
        FaceMovementChallenge is not allowed for this caller; \
        settings.challenge_preferences[1].type: \
        FaceMovementAndLightChallenge is not allowed for this caller";
    assert_eq!(error, expected);
}

#[test]
fn listed_values_are_allowed_and_unlisted_values_are_named() {
    let permissions = Permissions {
        buckets: S3Bucket::parse("bucket").ok().map(|one| vec![one]),
        kms_keys: KmsKeyId::parse("alias/a").ok().map(|one| vec![one]),
        max_audit_images: Some(images(3)),
        challenge_types: Some(vec![ChallengeType::FaceMovement]),
        ..Permissions::default()
    };
    let error = refused(&permissions, all_fields_set());
    let expected = "not allowed: settings.challenge_preferences[1].type: \
        FaceMovementAndLightChallenge is not allowed for this caller";
    assert_eq!(error, expected);
    let mut settings = all_fields_set();
    settings.challenges = [1, 1, 0, 1, 0]
        .map(|at| settings.challenges[at].clone())
        .into();
    assert_eq!(
        refused(&permissions, settings.clone())
            .matches("challenge_preferences")
            .count(),
        1
    );
    settings
        .challenges
        .retain(|one| one.challenge == ChallengeType::FaceMovement);
    assert_eq!(refused(&permissions, settings), "");
}

#[test]
fn a_bucket_needs_a_prefix_where_prefixes_are_listed() {
    let listed = |prefixes: &[&str]| Permissions {
        prefixes: Some(
            prefixes
                .iter()
                .filter_map(|one| S3KeyPrefix::parse(one).ok())
                .collect(),
        ),
        ..Permissions::default()
    };
    for (prefixes, sent, is_allowed) in [
        (&["kyc/", "b"][..], Some("kyc/7"), true),
        (&["kyc/", "b"], Some("kyc/"), true),
        (&["kyc/", "b"], Some("bc"), true),
        (&["kyc/", "b"], Some("kyc"), false),
        (&["kyc/", "b"], Some("a/kyc/"), false),
        (&["kyc/", "b"], Some("KYC/7"), false),
        (&["kyc/", "b"], None, false),
        (&[], None, true),
        (&[], Some("kyc/7"), false),
    ] {
        let error = refused(&listed(prefixes), storing(sent));
        assert_eq!(
            error.is_empty(),
            is_allowed,
            "{prefixes:?} and {sent:?}: {error}"
        );
    }
    assert_eq!(
        refused(&listed(&["kyc/"]), SessionSettings::default()),
        "",
        "no bucket, so no prefix is needed"
    );
}

#[test]
fn a_profile_gives_all_of_its_settings_whatever_other_permissions_say() {
    let permissions = Permissions {
        buckets: Some(Vec::new()),
        max_audit_images: Some(images(0)),
        profiles: Some(vec![name("full")]),
        ..Permissions::default()
    };
    let permissions = permissions_of(permissions);
    let select = |text| permissions.settings(&RequestedSettings::Profile(name(text)));
    assert_eq!(select("full"), Ok(all_fields_set()));
    let forbidden = select("plain").expect_err("not listed").to_string();
    let unknown = select("other").expect_err("does not exist").to_string();
    assert_eq!(
        forbidden.replace("plain", "other"),
        unknown,
        "both give the same error"
    );
}

#[test]
fn a_caller_that_requires_a_profile_may_send_no_settings() {
    let permissions = Permissions {
        require_profile: true,
        ..Permissions::default()
    };
    assert_eq!(
        refused(&permissions, all_fields_set()),
        "not allowed: kms_key_id: must be unset: only a profile may set it for this caller; \
         settings: must be unset: only a profile may set it for this caller; \
         profile: must be set by this caller"
    );
    let error = refused(&permissions, SessionSettings::default());
    assert_eq!(error, "not allowed: profile: must be set by this caller");
    let permissions = permissions_of(permissions);
    let selected = permissions.settings(&RequestedSettings::Profile(name("plain")));
    assert_eq!(selected, Ok(SessionSettings::default()));
}

#[test]
fn only_callers_with_the_permission_may_use_a_method() {
    use DefaultPermission::{Allow, Deny};
    use Operation::{Create, Results};
    for (allow, default_permission, creates, reads) in [
        (None, Allow, true, true),
        (None, Deny, false, false),
        (Some(vec![]), Allow, false, false),
        (Some(vec![Create]), Deny, true, false),
        (Some(vec![Results]), Allow, false, true),
        (Some(vec![Create, Results]), Deny, true, true),
    ] {
        let default = Permissions {
            allow: allow.clone(),
            ..Permissions::default()
        };
        let policy = Policy {
            permissions: default.into(),
            ..Policy::default()
        };
        let authorizer = Authorizer::new(policy, default_permission);
        let permissions = authorizer.permissions(&caller("a"));
        let created = permissions.check(Create);
        assert_eq!(
            created.is_ok(),
            creates,
            "{allow:?}, {default_permission:?}"
        );
        let read = permissions.check(Results);
        assert_eq!(read.is_ok(), reads, "{allow:?}, {default_permission:?}");
        for (checked, method) in [(created, "CreateSession"), (read, "GetSessionResult")] {
            let field = checked.err().map(|error| error.field().to_string());
            assert!(field.is_none_or(|field| field == method));
        }
    }
}

#[test]
fn the_exact_name_wins_then_the_glob_pattern_then_the_default() {
    let at_most = |count| Permissions {
        max_audit_images: Some(images(count)),
        ..Permissions::default()
    };
    let glob = |text| CallerGlob::parse(text).expect("a glob pattern");
    let globs = [(glob("a/**"), at_most(1)), (glob("a/b/*"), at_most(2))];
    let policy = Policy {
        permissions: PerCaller {
            default: at_most(0),
            named: HashMap::from([(caller("a/b/c"), at_most(3))]),
            globs: CallerGlobs::new(globs).expect("two"),
        },
        ..Policy::default()
    };
    for (name, most) in [("a/b/c", 3), ("a/b/d", 2), ("a/d", 1), ("d", 0)] {
        assert_eq!(
            policy.permissions.of(&caller(name)),
            &at_most(most),
            "{name}"
        );
    }
}
