//! Checks over `StartFaceLivenessSession`: their sessions, quotas and outcomes.

use std::time::Duration;

use aws_sdk_rekognition::types::{
    ChallengePreference, ChallengeType, CreateFaceLivenessSessionRequestSettings as SessionSettings,
};
use livegate_simulator::{
    CheckOutcome, CheckSettings, Device, DeviceStream, Limit, Settings, Thresholds,
};

use crate::scene::{Scene, immediate, scene};

/// Sessions that stay CREATED without a stream, and all succeed.
pub(crate) fn streaming() -> Settings {
    Settings {
        checks: CheckSettings {
            require_streams: true,
            outcome: Some(CheckOutcome::Succeeded(97.5)),
            ..CheckSettings::default()
        },
        start: Limit::new(1000.0, 1000).expect("a limit"),
        results: Limit::new(1000.0, 1000).expect("a limit"),
        ..immediate()
    }
}

pub(crate) fn device(scene: &Scene) -> Device {
    let authority = scene.simulator.local_addr().to_string();
    Device::new(&authority, "us-east-1", Duration::ZERO)
}

/// Opens a stream and waits for its challenge.
pub(crate) async fn open(scene: &Scene, id: &str) -> DeviceStream {
    let mut stream = device(scene).open(id).await.expect("a stream");
    let first = stream.receive().await.expect("an event");
    assert_eq!(first.name, "ChallengeEvent");
    let second = stream.receive().await.expect("an event");
    assert_eq!(second.name, "ServerSessionInformationEvent");
    stream
}

async fn refusal(scene: &Scene, id: &str) -> String {
    let refused = device(scene).play(id).await.expect_err("a refusal");
    let error = refused.to_string();
    error.split(':').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_stream_takes_its_session_from_created_over_in_progress_to_succeeded() {
    let scene = scene(streaming()).await;
    let id = scene.create("token").await.unwrap();
    assert_eq!(scene.status(&id).await, "CREATED");
    let stream = open(&scene, &id).await;
    assert_eq!(scene.status(&id).await, "IN_PROGRESS");
    assert_eq!(scene.simulator.stats().checks_under_way, 1);
    drop(stream);
    scene.await_no_checks().await;
    assert_eq!(scene.status(&id).await, "FAILED");

    let id = scene.create("other").await.unwrap();
    device(&scene).play(&id).await.unwrap();
    assert_eq!(scene.confidence(&id).await, Some(97.5));
    let stats = scene.simulator.stats();
    assert_eq!((stats.checks_completed, stats.checks_broken_off), (1, 1));
}

#[tokio::test]
async fn a_session_without_a_stream_ages_unless_streams_are_required() {
    let ageing = scene(immediate()).await;
    let id = ageing.create("token").await.unwrap();
    assert_eq!(ageing.status(&id).await, "SUCCEEDED");
    let stream = open(&ageing, &id).await;
    assert_eq!(ageing.status(&id).await, "IN_PROGRESS");
    drop(stream);
    ageing.await_no_checks().await;
    assert_eq!(ageing.status(&id).await, "FAILED");
}

#[tokio::test]
async fn a_session_has_one_stream_and_an_unknown_one_none() {
    let scene = scene(streaming()).await;
    let id = scene.create("token").await.unwrap();
    let _open = open(&scene, &id).await;
    assert_eq!(refusal(&scene, &id).await, "SessionNotFoundException");
    let unknown = "11111111-2222-4333-8444-555555555555";
    assert_eq!(refusal(&scene, unknown).await, "SessionNotFoundException");
    assert_eq!(refusal(&scene, "no-uuid").await, "ValidationException");
    assert_eq!(scene.status(&id).await, "IN_PROGRESS");
}

#[tokio::test]
async fn an_expired_session_has_no_stream() {
    let mut settings = streaming();
    settings.lifetimes.expired = Duration::ZERO;
    let scene = scene(settings).await;
    let id = scene.create("token").await.unwrap();
    assert_eq!(refusal(&scene, &id).await, "SessionNotFoundException");
    assert_eq!(scene.status(&id).await, "EXPIRED");
}

#[tokio::test]
async fn starts_over_the_rate_and_checks_over_the_limit_are_refused() {
    let mut settings = streaming();
    settings.checks.concurrent = 1;
    settings.start = Limit::new(0.001, 3).unwrap();
    let scene = scene(settings).await;
    let (first, second) = (
        scene.create("a").await.unwrap(),
        scene.create("b").await.unwrap(),
    );
    let under_way = open(&scene, &first).await;
    assert_eq!(
        refusal(&scene, &second).await,
        "ServiceQuotaExceededException"
    );
    drop(under_way);
    scene.await_no_checks().await;
    device(&scene).play(&second).await.unwrap();
    assert_eq!(refusal(&scene, &second).await, "ThrottlingException");
    let start = scene.simulator.stats().start;
    assert_eq!((start.calls, start.admitted, start.throttled), (4, 3, 1));
    assert_eq!(start.errors["ServiceQuotaExceededException"], 1);
}

#[tokio::test]
async fn an_outcome_is_set_for_one_session() {
    let scene = scene(streaming()).await;
    let ids = [
        scene.create("a").await.unwrap(),
        scene.create("b").await.unwrap(),
    ];
    let path = format!("POST /_simulator/sessions/{}/outcome", ids[0]);
    let (status, body) = scene.control(&path, "spoof:12\n").await;
    assert_eq!(
        (status.as_str(), body.as_str()),
        ("HTTP/1.1 200 OK", "outcome set\n")
    );
    for id in &ids {
        device(&scene).play(id).await.unwrap();
    }
    assert_eq!(scene.confidence(&ids[0]).await, Some(12.0));
    assert_eq!(scene.confidence(&ids[1]).await, Some(97.5));

    let (status, _) = scene.control(&path, "fail").await;
    assert!(status.contains("200"));
    assert_eq!(scene.status(&ids[0]).await, "FAILED");
    let (status, body) = scene.control(&path, "live").await;
    assert!(
        status.contains("400") && body.contains("outcome \"live\" must be"),
        "{body}"
    );
    let unknown = "POST /_simulator/sessions/11111111-2222-4333-8444-555555555555/outcome";
    let (status, _) = scene.control(unknown, "fail").await;
    assert!(status.contains("404"), "{status}");
}

/// Creates a session that prefers a challenge.
async fn create_preferring(scene: &Scene, challenge: &ChallengeType) -> String {
    let preference = ChallengePreference::builder().r#type(challenge.clone());
    let preference = preference.build().expect("a preference");
    let settings = SessionSettings::builder().challenge_preferences(preference);
    let call = scene.aws.create_face_liveness_session();
    let created = call.settings(settings.build()).send().await;
    created.expect("a session").session_id
}

#[tokio::test]
async fn the_challenge_is_the_first_that_the_session_prefers() {
    let mut settings = streaming();
    settings.checks.thresholds = Thresholds::Lenient;
    let scene = scene(settings).await;
    for (challenge, version, colors) in [
        (ChallengeType::FaceMovementChallenge, "1.0.0", 0),
        (ChallengeType::FaceMovementAndLightChallenge, "2.0.0", 8),
    ] {
        let id = create_preferring(&scene, &challenge).await;
        let mut stream = device(&scene).open(&id).await.unwrap();
        let announced = stream.receive().await.unwrap().document;
        assert_eq!(announced["Type"], challenge.as_str());
        assert_eq!(announced["Version"], version);
        let information = stream.receive().await.unwrap().document;
        let document = &information["SessionInformation"]["Challenge"][challenge.as_str()];
        assert_eq!(document["OvalParameters"]["Width"], 288.0);
        assert_eq!(document["ChallengeConfig"]["OvalIouThreshold"], 0.01);
        let sequences = document["ColorSequences"].as_array().map_or(0, Vec::len);
        assert_eq!(sequences, colors);

        let id = create_preferring(&scene, &challenge).await;
        device(&scene).play(&id).await.unwrap();
        let read = scene
            .aws
            .get_face_liveness_session_results()
            .session_id(&id);
        let result = read.send().await.unwrap();
        assert_eq!(result.challenge().unwrap().r#type(), &challenge);
    }
}
