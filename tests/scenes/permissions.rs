//! Permissions of callers: requests outside them fail and use no quota token.

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
use crate::harness::status::CallStatus;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

/// Starts a Livegate that reads caller names from the header and gives `permissions` to
/// `team/*`.
pub(super) async fn with_permissions(permissions: Permissions) -> Livegate {
    let glob = CallerGlob::parse("team/*").unwrap();
    with_policy(Policy {
        permissions: PerCaller {
            globs: CallerGlobs::new([(glob, permissions)]).unwrap(),
            ..PerCaller::default()
        },
        profiles: profiles("kyc-images"),
    })
    .await
}

async fn with_policy(policy: Policy) -> Livegate {
    Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        // One quota token: a refused request must not use it.
        quota: quota(0.05, 1),
        policy,
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

pub(super) fn with_profile(profile: &str) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        profile: profile.to_owned(),
        ..Default::default()
    }
}

/// Sends `request` as `team/web` with `permissions`, which must refuse it. Checks that nothing
/// was sent to AWS and the quota token is still there.
pub(super) async fn refused(
    permissions: Permissions,
    request: v1::CreateSessionRequest,
) -> CallStatus {
    let livegate = with_permissions(permissions).await;
    let web = livegate.caller().named("team/web");
    let mut with_id = request.clone();
    with_id.request_id = ID.to_owned();
    let status = web.ask(with_id).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    assert_eq!(status.metadata["caller"], "team/web");
    assert_eq!((status.retry_after, status.pushback), (None, None));
    assert!(livegate.aws.attempts().is_empty());
    let other = livegate.caller().named("other").ask(request).await;
    assert!(
        other.is_ok() || status.metadata["field"] == "profile",
        "{other:?}"
    );
    status
}

#[tokio::test(start_paused = true)]
async fn a_field_without_permission_is_refused_by_its_path() {
    let bucket = S3Bucket::parse("our-images").unwrap();
    let permissions = Permissions {
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
        let status = refused(permissions.clone(), request).await;
        assert_eq!(status.metadata["field"], field);
        assert!(status.message.contains(field), "{status:?}");
        assert!(
            !status.message.contains("ours"),
            "the message does not reveal the permitted values: {status:?}"
        );
    }
    let any_bucket = Permissions {
        buckets: None,
        ..permissions
    };
    let status = refused(any_bucket.clone(), (PREFIX.with)("other/7")).await;
    assert_eq!(status.metadata["field"], PREFIX.path);
    let status = refused(any_bucket, (BUCKET.with)("any-images")).await;
    assert_eq!(
        status.metadata["field"], PREFIX.path,
        "a missing prefix is not in the list"
    );
}

#[tokio::test(start_paused = true)]
async fn permitted_settings_are_sent_to_aws_unchanged() {
    let permissions = Permissions {
        buckets: Some(vec![S3Bucket::parse("bucket").unwrap()]),
        prefixes: Some(vec![S3KeyPrefix::parse("web/").unwrap()]),
        ..Permissions::default()
    };
    let livegate = with_permissions(permissions).await;
    let web = livegate.caller().named("team/web");
    web.ask((PREFIX.with)("web/7")).await.unwrap();
    let output = livegate.aws.attempts()[0].settings.output.clone().unwrap();
    assert_eq!(output.bucket.as_str(), "bucket");
    assert_eq!(output.key_prefix.unwrap().as_str(), "web/7");
}

#[tokio::test(start_paused = true)]
async fn all_fields_without_permission_are_reported_at_once() {
    let permissions = Permissions {
        buckets: Some(Vec::new()),
        kms_keys: Some(Vec::new()),
        ..Permissions::default()
    };
    let mut request = (BUCKET.with)("their-images");
    request.kms_key_id = "alias/secret".to_owned();
    let status = refused(permissions, request).await;
    assert_eq!(status.metadata["field"], "kms_key_id");
    assert_eq!(
        status.message,
        "not allowed: kms_key_id: value is not allowed for this caller; \
         settings.output_config.s3_bucket: \"their-images\" is not allowed for this caller"
    );
}

#[tokio::test(start_paused = true)]
async fn a_method_without_permission_is_refused_for_any_request() {
    let read_only = Permissions {
        allow: Some(vec![Operation::Results]),
        ..Permissions::default()
    };
    let status = refused(read_only, images(3)).await;
    assert_eq!(status.metadata["field"], "CreateSession");
    let create_only = Permissions {
        allow: Some(vec![Operation::Create]),
        ..Permissions::default()
    };
    let livegate = with_permissions(create_only).await;
    let web = livegate.caller().named("team/web");
    let session = web.create().await.unwrap().session;
    let request = v1::GetSessionResultRequest {
        session_id: session.session_id,
        result_token: session.result_token,
        ..Default::default()
    };
    let status = web.result(request).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    assert_eq!(status.metadata["field"], "GetSessionResult");
    assert!(livegate.aws.reads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_permissions_is_refused_if_the_default_is_deny() {
    let livegate = Livegate::with(Setup {
        default_permission: DefaultPermission::Deny,
        ..Setup::default()
    })
    .await;
    let status = livegate.caller().create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    let no_section = "not allowed: CreateSession: method is not allowed: no section of callers \
        matches \"anonymous\"";
    assert_eq!(status.message, no_section);
    let request = v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        result_token: "t".to_owned(),
        ..Default::default()
    };
    let status = livegate.caller().result(request).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_refused_after_the_permission_was_removed() {
    let livegate = with_permissions(Permissions::default()).await;
    let web = livegate.caller().named("team/web");
    web.repeat(ID).await.unwrap();
    let default = Permissions {
        allow: Some(Vec::new()),
        ..Permissions::default()
    };
    livegate.authorizer.apply(Policy {
        permissions: default.into(),
        ..Policy::default()
    });
    let status = web.repeat(ID).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
}
