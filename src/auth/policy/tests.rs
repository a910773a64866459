//! Who may what, field by field.

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

/// A policy whose default grant is `grant`.
fn granting(grant: Permissions) -> Authorizer {
    let default = grant;
    let rules = Policy {
        permissions: default.into(),
        profiles: HashMap::from([
            (name("plain"), SessionSettings::default()),
            (name("full"), everything()),
        ]),
        ..Policy::default()
    };
    Authorizer::new(rules, DefaultPermission::Allow)
}

/// Settings with every field set.
fn everything() -> SessionSettings {
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

/// The fields of `settings` that `grant` does not let through.
fn refused(grant: &Permissions, settings: SessionSettings) -> String {
    let wanted = RequestedSettings::Settings(settings);
    match granting(grant.clone()).create(&caller("a"), &wanted) {
        Ok(let_through) => {
            let let_through = RequestedSettings::Settings(let_through);
            assert_eq!(let_through, wanted, "what is let through stays as it is");
            String::new()
        }
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn a_grant_that_says_nothing_bounds_nothing() {
    assert_eq!(refused(&Permissions::default(), everything()), "");
    assert_eq!(
        refused(&Permissions::default(), SessionSettings::default()),
        ""
    );
}

#[test]
fn lists_of_none_let_through_what_is_not_sent_and_nothing_else() {
    let grant = Permissions {
        buckets: Some(Vec::new()),
        prefixes: Some(Vec::new()),
        kms_keys: Some(Vec::new()),
        max_audit_images: Some(images(0)),
        challenge_types: Some(Vec::new()),
        ..Permissions::default()
    };
    assert_eq!(refused(&grant, SessionSettings::default()), "");
    let told = refused(&grant, everything());
    let expected = "not allowed: \
        kms_key_id: this caller may not use that value; \
        settings.output_config.s3_bucket: this caller may not use the bucket \"bucket\"; \
        settings.output_config.s3_key_prefix: this caller may not use that value; \
        settings.audit_images_limit: must be at most 0 for this caller; \
        settings.challenge_preferences[0].type: \
        this caller may not ask for FaceMovementChallenge; \
        settings.challenge_preferences[1].type: \
        this caller may not ask for FaceMovementAndLightChallenge";
    assert_eq!(told, expected);
}

#[test]
fn what_is_listed_goes_through_and_what_is_not_is_named() {
    let grant = Permissions {
        buckets: S3Bucket::parse("bucket").ok().map(|one| vec![one]),
        kms_keys: KmsKeyId::parse("alias/a").ok().map(|one| vec![one]),
        max_audit_images: Some(images(3)),
        challenge_types: Some(vec![ChallengeType::FaceMovement]),
        ..Permissions::default()
    };
    let told = refused(&grant, everything());
    let expected = "not allowed: settings.challenge_preferences[1].type: \
        this caller may not ask for FaceMovementAndLightChallenge";
    assert_eq!(told, expected);
    let mut settings = everything();
    settings.challenges = [1, 1, 0, 1, 0]
        .map(|at| settings.challenges[at].clone())
        .into();
    assert_eq!(
        refused(&grant, settings.clone())
            .matches("challenge_preferences")
            .count(),
        1
    );
    settings
        .challenges
        .retain(|one| one.challenge == ChallengeType::FaceMovement);
    assert_eq!(refused(&grant, settings), "");
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
    for (prefixes, sent, is_right) in [
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
        let told = refused(&listed(prefixes), storing(sent));
        assert_eq!(
            told.is_empty(),
            is_right,
            "{prefixes:?} and {sent:?}: {told}"
        );
    }
    assert_eq!(
        refused(&listed(&["kyc/"]), SessionSettings::default()),
        "",
        "no bucket, no keys"
    );
}

#[test]
fn a_profile_gives_all_that_is_in_it_whatever_else_is_granted() {
    let grant = Permissions {
        buckets: Some(Vec::new()),
        max_audit_images: Some(images(0)),
        profiles: Some(vec![name("full")]),
        ..Permissions::default()
    };
    let policy = granting(grant);
    let pick = |text| policy.create(&caller("a"), &RequestedSettings::Profile(name(text)));
    assert_eq!(pick("full"), Ok(everything()));
    let not_mine = pick("plain").expect_err("it is not listed").to_string();
    let unknown = pick("other").expect_err("it does not exist").to_string();
    assert_eq!(
        not_mine.replace("plain", "other"),
        unknown,
        "the two are told alike"
    );
}

#[test]
fn one_held_to_profiles_says_nothing_itself() {
    let grant = Permissions {
        require_profile: true,
        ..Permissions::default()
    };
    assert_eq!(
        refused(&grant, everything()),
        "not allowed: kms_key_id: must be left to a profile by this caller; \
         settings: must be left to a profile by this caller; \
         profile: must be set by this caller"
    );
    let told = refused(&grant, SessionSettings::default());
    assert_eq!(told, "not allowed: profile: must be set by this caller");
    let policy = granting(grant);
    let picked = policy.create(&caller("a"), &RequestedSettings::Profile(name("plain")));
    assert_eq!(picked, Ok(SessionSettings::default()));
}

#[test]
fn a_method_is_used_by_those_who_are_granted_it() {
    use DefaultPermission::{Allow, Deny};
    use Operation::{Create, Results};
    for (allow, unsaid, creates, reads) in [
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
        let rules = Policy {
            permissions: default.into(),
            ..Policy::default()
        };
        let policy = Authorizer::new(rules, unsaid);
        let created = policy.create(&caller("a"), &RequestedSettings::default());
        assert_eq!(created.is_ok(), creates, "{allow:?}, {unsaid:?}");
        let read = policy.check(&caller("a"), Results);
        assert_eq!(read.is_ok(), reads, "{allow:?}, {unsaid:?}");
        let fields =
            [created.err(), read.err()].map(|told| told.map(|one| one.field().to_string()));
        assert!(
            fields[0]
                .as_deref()
                .is_none_or(|field| field == "CreateSession")
        );
        assert!(
            fields[1]
                .as_deref()
                .is_none_or(|field| field == "GetSessionResult")
        );
    }
}

#[test]
fn a_caller_goes_by_its_name_then_by_a_form_of_it_then_by_the_default() {
    let at_most = |count| Permissions {
        max_audit_images: Some(images(count)),
        ..Permissions::default()
    };
    let glob = |text| CallerGlob::parse(text).expect("a form");
    let globs = [(glob("a/**"), at_most(1)), (glob("a/b/*"), at_most(2))];
    let rules = Policy {
        permissions: PerCaller {
            default: at_most(0),
            named: HashMap::from([(caller("a/b/c"), at_most(3))]),
            globs: CallerGlobs::new(globs).expect("two"),
        },
        ..Policy::default()
    };
    for (name, most) in [("a/b/c", 3), ("a/b/d", 2), ("a/d", 1), ("d", 0)] {
        assert_eq!(
            rules.permissions.of(&caller(name)),
            &at_most(most),
            "{name}"
        );
    }
}

#[test]
fn other_rules_count_from_the_next_call_on_and_the_unsaid_stays() {
    let policy = Authorizer::new(Policy::default(), DefaultPermission::Deny);
    let kept = policy.clone();
    assert!(kept.check(&caller("a"), Operation::Results).is_err());
    let default = Permissions {
        allow: Some(vec![Operation::Results]),
        ..Permissions::default()
    };
    policy.apply(Policy {
        permissions: default.into(),
        ..Policy::default()
    });
    assert!(kept.check(&caller("a"), Operation::Results).is_ok());
    policy.apply(Policy::default());
    assert!(kept.check(&caller("a"), Operation::Results).is_err());
}

proptest! {
    #[test]
    fn a_prefix_goes_through_where_it_begins_as_one_of_the_list(
        listed in proptest::collection::vec("[ab/]{1,3}", 1..4), sent in "[ab/]{1,6}",
    ) {
        let prefixes = listed.iter().map(|one| S3KeyPrefix::parse(one).expect("a prefix"));
        let grant = Permissions { prefixes: Some(prefixes.collect()), ..Permissions::default() };
        let expected = listed.iter().any(|one| sent.starts_with(one.as_str()));
        prop_assert_eq!(refused(&grant, storing(Some(&sent))).is_empty(), expected);
    }
}
