//! Profiles: picked by name, and what becomes of repeats when they change.

use livegate::auth::policy::{Permissions, Policy};
use livegate::grpc::v1;
use livegate::upstream::UpstreamErrorKind;
use tonic::Code;

use super::permissions::{granting, picking, profiles, refused, stored_in};
use crate::harness::aws::fails;
use crate::harness::fields::{KMS_KEY, images};
use crate::harness::pipes::{Livegate, Setup};

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

#[tokio::test(start_paused = true)]
async fn a_profile_stands_for_what_the_operators_put_in_it() {
    let held = Permissions {
        require_profile: true,
        buckets: Some(Vec::new()),
        ..Permissions::default()
    };
    let livegate = granting(held).await;
    let web = livegate.caller().named("team/web");
    web.ask(picking("kyc")).await.unwrap();
    assert_eq!(livegate.aws.attempts()[0].settings, stored_in("kyc-images"));
}

#[tokio::test(start_paused = true)]
async fn one_held_to_profiles_may_send_neither_settings_nor_none() {
    let held = || Permissions {
        require_profile: true,
        ..Permissions::default()
    };
    let told = refused(held(), images(1)).await;
    assert_eq!(told.metadata["field"], "settings");
    let told = refused(held(), (KMS_KEY.with)("alias/a")).await;
    assert_eq!(told.metadata["field"], "kms_key_id");
    let told = refused(held(), v1::CreateSessionRequest::default()).await;
    assert_eq!(told.metadata["field"], "profile");
    assert!(told.message.contains("must be set"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_profile_of_others_is_told_from_none_by_nobody() {
    let grant = || Permissions {
        profiles: Some(Vec::new()),
        ..Permissions::default()
    };
    let of_others = refused(grant(), picking("kyc")).await;
    let unknown = refused(grant(), picking("kyb")).await;
    assert_eq!(of_others.metadata, unknown.metadata);
    assert_eq!(of_others.message.replace("kyc", "kyb"), unknown.message);
}

#[tokio::test(start_paused = true)]
async fn a_profile_with_settings_beside_it_is_a_bug_of_the_caller() {
    let livegate = granting(Permissions::default()).await;
    let web = livegate.caller().named("team/web");
    let mut both = images(1);
    both.kms_key_id = "alias/a".to_owned();
    both.profile = "kyc".to_owned();
    let told = web.ask(both).await.unwrap_err();
    assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
    assert_eq!(told.fields(), ["kms_key_id", "settings"]);
    for wrong in ["Kyc", "a b", &"x".repeat(65)] {
        let told = web.ask(picking(wrong)).await.unwrap_err();
        assert_eq!(told.fields(), ["profile"], "{wrong:?}");
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_repeat_has_its_session_though_its_profile_has_changed() {
    let livegate = granting(Permissions::default()).await;
    let web = livegate.caller().named("team/web");
    let mut request = picking("kyc");
    request.request_id = ID.to_owned();
    let first = web.ask(request.clone()).await.unwrap().session;
    livegate.policy.apply(Policy {
        profiles: profiles("new-images"),
        ..Policy::default()
    });
    let again = web.ask(request.clone()).await.unwrap().session;
    assert_eq!(again.session_id, first.session_id);
    assert!(again.replayed);
    // In its own words it would be another request.
    request.profile.clear();
    let told = web.ask(request).await.unwrap_err();
    assert_eq!(told.what(), (Code::AlreadyExists, "REQUEST_ID_CONFLICT"));
}

#[tokio::test(start_paused = true)]
async fn aws_is_told_the_same_with_a_token_though_the_profile_has_changed() {
    let livegate = Livegate::with(Setup {
        rules: Policy {
            profiles: profiles("old-images"),
            ..Policy::default()
        },
        ..Setup::default()
    })
    .await;
    livegate
        .aws
        .will([fails(UpstreamErrorKind::InvalidParameter)]);
    let mut request = picking("kyc");
    request.request_id = ID.to_owned();
    livegate.caller().ask(request.clone()).await.unwrap_err();
    livegate.policy.apply(Policy {
        profiles: profiles("new-images"),
        ..Policy::default()
    });
    livegate.caller().ask(request).await.unwrap();
    livegate.caller().ask(picking("kyc")).await.unwrap();
    let told = livegate.aws.attempts().into_iter().map(|one| one.settings);
    let expected = ["old-images", "old-images", "new-images"].map(stored_in);
    assert_eq!(told.collect::<Vec<_>>(), expected);
}
