//! Profiles: selected by name, and repeats after a profile has changed.

use livegate::auth::policy::{Permissions, Policy};
use livegate::grpc::v1;
use livegate::upstream::UpstreamErrorKind;
use tonic::Code;

use super::permissions::{profiles, refused, stored_in, with_permissions, with_profile};
use crate::harness::aws::fails;
use crate::harness::fields::{KMS_KEY, images};
use crate::harness::pipes::{Livegate, Setup};

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

#[tokio::test(start_paused = true)]
async fn a_profile_name_selects_the_configured_settings() {
    let permissions = Permissions {
        require_profile: true,
        buckets: Some(Vec::new()),
        ..Permissions::default()
    };
    let livegate = with_permissions(permissions).await;
    let web = livegate.caller().named("team/web");
    web.ask(with_profile("kyc")).await.unwrap();
    assert_eq!(livegate.aws.attempts()[0].settings, stored_in("kyc-images"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_must_use_a_profile_cannot_send_settings_or_omit_it() {
    let profile_only = || Permissions {
        require_profile: true,
        ..Permissions::default()
    };
    let status = refused(profile_only(), images(1)).await;
    assert_eq!(status.metadata["field"], "settings");
    let status = refused(profile_only(), (KMS_KEY.with)("alias/a")).await;
    assert_eq!(status.metadata["field"], "kms_key_id");
    let status = refused(profile_only(), v1::CreateSessionRequest::default()).await;
    assert_eq!(status.metadata["field"], "profile");
    assert!(status.message.contains("must be set"), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_profile_gets_the_same_error_as_an_unknown_one() {
    let permissions = || Permissions {
        profiles: Some(Vec::new()),
        ..Permissions::default()
    };
    let forbidden = refused(permissions(), with_profile("kyc")).await;
    let unknown = refused(permissions(), with_profile("kyb")).await;
    assert_eq!(forbidden.metadata, unknown.metadata);
    assert_eq!(forbidden.message.replace("kyc", "kyb"), unknown.message);
}

#[tokio::test(start_paused = true)]
async fn a_profile_together_with_settings_is_an_invalid_request() {
    let livegate = with_permissions(Permissions::default()).await;
    let web = livegate.caller().named("team/web");
    let mut both = images(1);
    both.kms_key_id = "alias/a".to_owned();
    both.profile = "kyc".to_owned();
    let status = web.ask(both).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_eq!(status.fields(), ["kms_key_id", "settings"]);
    for invalid in ["Kyc", "a b", &"x".repeat(65)] {
        let status = web.ask(with_profile(invalid)).await.unwrap_err();
        assert_eq!(status.fields(), ["profile"], "{invalid:?}");
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_repeat_returns_its_session_although_the_profile_has_changed() {
    let livegate = with_permissions(Permissions::default()).await;
    let web = livegate.caller().named("team/web");
    let mut request = with_profile("kyc");
    request.request_id = ID.to_owned();
    let first = web.ask(request.clone()).await.unwrap().session;
    livegate.authorizer.apply(Policy {
        profiles: profiles("new-images"),
        ..Policy::default()
    });
    let again = web.ask(request.clone()).await.unwrap().session;
    assert_eq!(again.session_id, first.session_id);
    assert!(again.replayed);
    // Without the profile it is another request.
    request.profile.clear();
    let status = web.ask(request).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::AlreadyExists, "REQUEST_ID_CONFLICT")
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_repeated_with_the_same_settings_although_the_profile_has_changed() {
    let livegate = Livegate::with(Setup {
        policy: Policy {
            profiles: profiles("old-images"),
            ..Policy::default()
        },
        ..Setup::default()
    })
    .await;
    livegate
        .aws
        .plan([fails(UpstreamErrorKind::InvalidParameter)]);
    let mut request = with_profile("kyc");
    request.request_id = ID.to_owned();
    livegate.caller().ask(request.clone()).await.unwrap_err();
    livegate.authorizer.apply(Policy {
        profiles: profiles("new-images"),
        ..Policy::default()
    });
    livegate.caller().ask(request).await.unwrap();
    livegate.caller().ask(with_profile("kyc")).await.unwrap();
    let attempts = livegate.aws.attempts().into_iter();
    let sent = attempts.map(|attempt| attempt.settings);
    let expected = ["old-images", "old-images", "new-images"].map(stored_in);
    assert_eq!(sent.collect::<Vec<_>>(), expected);
}
