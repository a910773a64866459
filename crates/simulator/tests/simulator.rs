//! The simulator over a TCP socket, with the AWS SDK as its client.

#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/hostile.rs"]
mod hostile;
#[path = "simulator/scene.rs"]
mod scene;
#[path = "simulator/stream_faults.rs"]
mod stream_faults;
#[path = "simulator/streams.rs"]
mod streams;

use std::time::Duration;

use aws_sdk_rekognition::error::ProvideErrorMetadata as _;
use aws_sdk_rekognition::operation::RequestId as _;
use aws_sdk_rekognition::types::{
    CreateFaceLivenessSessionRequestSettings as SessionSettings, LivenessOutputConfig,
    LivenessSessionStatus,
};
use livegate_simulator::{Lifetimes, Limit, Settings};

use scene::{client, create, immediate, scene, summary};

#[tokio::test]
async fn a_session_is_created_and_its_result_has_images() {
    let scene = scene(immediate()).await;
    let settings = SessionSettings::builder().audit_images_limit(3).build();
    let created = scene
        .aws
        .create_face_liveness_session()
        .settings(settings)
        .send()
        .await
        .unwrap();
    assert!(created.request_id().is_some());
    let read = scene
        .aws
        .get_face_liveness_session_results()
        .session_id(created.session_id());
    let result = read.send().await.unwrap();
    assert_eq!(result.status(), &LivenessSessionStatus::Succeeded);
    assert_eq!(result.audit_images().len(), 3);
    let image = result.reference_image().unwrap().bytes().unwrap().as_ref();
    assert!(
        image.starts_with(&[0xff, 0xd8]) && image.ends_with(&[0xff, 0xd9]),
        "a JPEG"
    );
}

#[tokio::test]
async fn a_token_returns_its_session_and_another_bucket_is_a_mismatch() {
    let scene = scene(immediate()).await;
    let first = scene.create("token").await.unwrap();
    assert_eq!(scene.create("token").await, Ok(first));
    let output = LivenessOutputConfig::builder()
        .s3_bucket("bucket")
        .build()
        .unwrap();
    let settings = SessionSettings::builder().output_config(output).build();
    let call = scene.aws.create_face_liveness_session().settings(settings);
    let error = summary(call.client_request_token("token").send().await.unwrap_err());
    assert_eq!(error, "IdempotentParameterMismatchException 400");
    let stats = scene.simulator.stats();
    assert_eq!(
        (stats.sessions_made, stats.replays, stats.distinct_tokens),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_call_over_the_quota_is_throttled_with_a_throttling_code() {
    let create = Limit::new(0.001, 1).unwrap();
    let scene = scene(Settings {
        create,
        ..immediate()
    })
    .await;
    assert!(scene.create("a").await.is_ok());
    let error = scene.create("b").await.unwrap_err();
    let codes = [
        "ThrottlingException 400",
        "ProvisionedThroughputExceededException 400",
    ];
    assert!(codes.contains(&error.as_str()), "{error}");
    let stats = scene.simulator.stats().create;
    assert_eq!((stats.calls, stats.admitted, stats.throttled), (2, 1, 1));
}

#[tokio::test]
async fn constraints_that_the_sdk_does_not_check_are_checked() {
    let scene = scene(immediate()).await;
    for token in ["", "a b", &"a".repeat(65)] {
        let error = scene.create(token).await.unwrap_err();
        assert_eq!(error, "InvalidParameterException 400", "{token:?}");
    }
    let settings = SessionSettings::builder().audit_images_limit(5).build();
    let call = scene.aws.create_face_liveness_session().settings(settings);
    let error = call.send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_parameter_exception());
    assert!(
        error
            .message()
            .unwrap()
            .contains("'settings.auditImagesLimit'")
    );
    assert_eq!(scene.simulator.stats().sessions_made, 0);
}

#[tokio::test]
async fn only_the_test_credentials_are_accepted() {
    let scene = scene(immediate()).await;
    let address = scene.simulator.local_addr();
    for (key, secret, error) in [
        ("other", "test", "UnrecognizedClientException 400"),
        ("test", "other", "InvalidSignatureException 400"),
    ] {
        let created = create(&client(address, key, secret), None).await;
        assert_eq!(created.unwrap_err(), error);
    }
    let stats = scene.simulator.stats();
    assert_eq!(
        (
            stats.refused_signatures,
            stats.create.calls,
            stats.create.admitted
        ),
        (2, 2, 0)
    );
}

#[tokio::test]
async fn a_session_expires_and_is_then_deleted() {
    let expired = Duration::ZERO;
    let lifetimes = Lifetimes {
        expired,
        ..immediate().lifetimes
    };
    let expiring = scene(Settings {
        lifetimes,
        ..immediate()
    })
    .await;
    let id = expiring.create("token").await.unwrap();
    let read = expiring
        .aws
        .get_face_liveness_session_results()
        .session_id(id);
    assert_eq!(
        read.send().await.unwrap().status(),
        &LivenessSessionStatus::Expired
    );

    let lifetimes = Lifetimes {
        forgotten: expired,
        ..lifetimes
    };
    let deleting = scene(Settings {
        lifetimes,
        ..immediate()
    })
    .await;
    let id = deleting.create("token").await.unwrap();
    let read = deleting
        .aws
        .get_face_liveness_session_results()
        .session_id(id);
    assert_eq!(
        summary(read.send().await.unwrap_err()),
        "SessionNotFoundException 400"
    );
}
