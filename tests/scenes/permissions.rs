//! What a caller may do: refused before anything is spent, or let through.

use std::collections::HashMap;

use livegate::auth::AuthMode;
use livegate::auth::policy::{DefaultPermission, Permissions, Policy};
use livegate::grpc::v1;
use livegate::model::{
    AuditImagesLimit, CallerGlob, CallerGlobs, ChallengeType, KmsKeyId, Operation, OutputConfig,
    PerCaller, ProfileName, S3Bucket, S3KeyPrefix, SessionSettings,
};
use tonic::Code;

use crate::harness::fields::{BUCKET, KMS_KEY, PREFIX, challenge, images};
use crate::harness::pipes::{Livegate, Setup, quota};
use crate::harness::status::Told;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

/// One whose callers are known by name, `grant` being that of `team/*`.
pub(super) async fn granting(grant: Permissions) -> Livegate {
    let glob = CallerGlob::parse("team/*").unwrap();
    with_rules(Policy {
        permissions: PerCaller {
            globs: CallerGlobs::new([(glob, grant)]).unwrap(),
            ..PerCaller::default()
        },
        profiles: profiles("kyc-images"),
    })
    .await
}

async fn with_rules(rules: Policy) -> Livegate {
    Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        // Whoever is refused must not have spent this.
        quota: quota(0.05, 1),
        rules,
        ..Setup::default()
    })
    .await
}

pub(super) fn profiles(bucket: &str) -> HashMap<ProfileName, SessionSettings> {
    HashMap::from([(name("kyc"), stored_in(bucket))])
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

pub(super) fn stored_in(bucket: &str) -> SessionSettings {
    SessionSettings {
        output: Some(OutputConfig {
            bucket: S3Bucket::parse(bucket).unwrap(),
            key_prefix: None,
        }),
        ..SessionSettings::default()
    }
}

pub(super) fn picking(profile: &str) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        profile: profile.to_owned(),
        ..Default::default()
    }
}

/// What `team/web` is told where it may not; nothing was sent for it, and the slot that
/// was there is there still.
pub(super) async fn refused(grant: Permissions, request: v1::CreateSessionRequest) -> Told {
    let livegate = granting(grant).await;
    let web = livegate.caller().named("team/web");
    let mut named = request.clone();
    named.request_id = ID.to_owned();
    let told = web.ask(named).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
    assert_eq!(told.metadata["caller"], "team/web");
    assert_eq!((told.retry_after, told.pushback), (None, None));
    assert!(livegate.aws.attempts().is_empty());
    let other = livegate.caller().named("other").ask(request).await;
    assert!(
        other.is_ok() || told.metadata["field"] == "profile",
        "{other:?}"
    );
    told
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_not_granted_is_refused_by_its_name() {
    let bucket = S3Bucket::parse("our-images").unwrap();
    let grant = Permissions {
        buckets: Some(vec![bucket]),
        prefixes: Some(vec![S3KeyPrefix::parse("web/").unwrap()]),
        kms_keys: Some(vec![KmsKeyId::parse("alias/ours").unwrap()]),
        max_audit_images: AuditImagesLimit::new(2).ok(),
        challenge_types: Some(vec![ChallengeType::FaceMovement]),
        ..Permissions::default()
    };
    for (request, field) in [
        ((BUCKET.with)("their-images"), BUCKET.path),
        ((KMS_KEY.with)("alias/theirs"), KMS_KEY.path),
        (images(3), "settings.audit_images_limit"),
        (challenge(1), "settings.challenge_preferences[0].type"),
    ] {
        let told = refused(grant.clone(), request).await;
        assert_eq!(told.metadata["field"], field);
        assert!(told.message.contains(field), "{told:?}");
        assert!(
            !told.message.contains("ours"),
            "what is granted is not told: {told:?}"
        );
    }
    let any_bucket = Permissions {
        buckets: None,
        ..grant
    };
    let told = refused(any_bucket.clone(), (PREFIX.with)("other/7")).await;
    assert_eq!(told.metadata["field"], PREFIX.path);
    let told = refused(any_bucket, (BUCKET.with)("any-images")).await;
    assert_eq!(
        told.metadata["field"], PREFIX.path,
        "no prefix is none of the list"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_granted_is_sent_as_it_was_asked() {
    let grant = Permissions {
        buckets: Some(vec![S3Bucket::parse("bucket").unwrap()]),
        prefixes: Some(vec![S3KeyPrefix::parse("web/").unwrap()]),
        ..Permissions::default()
    };
    let livegate = granting(grant).await;
    let web = livegate.caller().named("team/web");
    web.ask((PREFIX.with)("web/7")).await.unwrap();
    let output = livegate.aws.attempts()[0].settings.output.clone().unwrap();
    assert_eq!(output.bucket.as_str(), "bucket");
    assert_eq!(output.key_prefix.unwrap().as_str(), "web/7");
}

#[tokio::test(start_paused = true)]
async fn all_that_is_not_granted_is_told_at_once() {
    let grant = Permissions {
        buckets: Some(Vec::new()),
        kms_keys: Some(Vec::new()),
        ..Permissions::default()
    };
    let mut request = (BUCKET.with)("their-images");
    request.kms_key_id = "alias/secret".to_owned();
    let told = refused(grant, request).await;
    assert_eq!(told.metadata["field"], "kms_key_id");
    assert_eq!(
        told.message,
        "not allowed: kms_key_id: value is not allowed for this caller; \
         settings.output_config.s3_bucket: \"their-images\" is not allowed for this caller"
    );
}

#[tokio::test(start_paused = true)]
async fn a_method_that_is_not_granted_is_refused_whatever_is_sent() {
    let reading = Permissions {
        allow: Some(vec![Operation::Results]),
        ..Permissions::default()
    };
    let told = refused(reading, images(3)).await;
    assert_eq!(told.metadata["field"], "CreateSession");
    let creating = Permissions {
        allow: Some(vec![Operation::Create]),
        ..Permissions::default()
    };
    let livegate = granting(creating).await;
    let web = livegate.caller().named("team/web");
    let session = web.create().await.unwrap().session;
    let reading = v1::GetSessionResultRequest {
        session_id: session.session_id,
        result_token: session.result_token,
        ..Default::default()
    };
    let told = web.result(reading).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
    assert_eq!(told.metadata["field"], "GetSessionResult");
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_callers_are_proved_who_is_granted_nothing_may_do_nothing() {
    let livegate = Livegate::with(Setup {
        unsaid: DefaultPermission::Deny,
        ..Setup::default()
    })
    .await;
    let told = livegate.caller().create().await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
    let request = v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        result_token: "t".to_owned(),
        ..Default::default()
    };
    let told = livegate.caller().result(request).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_one_who_may_no_more_is_refused() {
    let livegate = granting(Permissions::default()).await;
    let web = livegate.caller().named("team/web");
    web.repeat(ID).await.unwrap();
    let default = Permissions {
        allow: Some(Vec::new()),
        ..Permissions::default()
    };
    livegate.policy.apply(Policy {
        permissions: default.into(),
        ..Policy::default()
    });
    let told = web.repeat(ID).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
}
