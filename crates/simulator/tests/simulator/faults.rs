//! Scripted and random faults, as the AWS SDK reports them.

use livegate_simulator::{Profile, Settings};

use crate::scene::{create, fault, immediate, scene, with_faults};

#[tokio::test]
async fn a_retry_after_a_lost_answer_returns_the_session() {
    let scene = scene(with_faults(&["create:lost-answer"])).await;
    assert_eq!(scene.create("token").await, Err("no response".to_owned()));
    assert_eq!(scene.simulator.stats().sessions_made, 1);
    assert!(scene.create("token").await.is_ok());
    assert_eq!(scene.simulator.stats().sessions_made, 1);
}

#[tokio::test]
async fn each_fault_affects_one_call_and_the_next_one_succeeds() {
    let scene = scene(immediate()).await;
    for (spec, error) in [
        ("ThrottlingException/500", "ThrottlingException 500"),
        (
            "InternalServerError/500+namespace",
            "InternalServerError 500",
        ),
        (
            "AccessDeniedException/400+header-code+no-message",
            "AccessDeniedException 400",
        ),
        ("Never.Seen/418", "Never.Seen 418"),
        ("html/503", "no code 503"),
        ("xml/400", "no code 400"),
        ("status/429", "no code 429"),
        ("cut-off/200", "invalid response"),
        ("reset", "no response"),
        ("hang", "timeout"),
        ("delay/30s", "timeout"),
    ] {
        scene.simulator.enqueue([fault(&format!("create:{spec}"))]);
        assert_eq!(scene.create("token").await, Err(error.to_owned()), "{spec}");
        assert!(scene.create("token").await.is_ok(), "after {spec}");
    }
}

#[tokio::test]
async fn the_sdk_reports_a_response_without_a_session_id_as_success() {
    let faults = [
        "create:no-session-id/200",
        "create:empty/200",
        "create:bad-session-id/200",
    ];
    let scene = scene(with_faults(&faults)).await;
    for id in ["", "", "no-uuid"] {
        assert_eq!(scene.create("token").await, Ok(id.to_owned()));
    }
}

#[tokio::test]
async fn the_sdk_passes_an_unknown_status_through() {
    let scene = scene(with_faults(&["results:unknown-status"])).await;
    let id = scene.create("token").await.unwrap();
    let read = scene
        .aws
        .get_face_liveness_session_results()
        .session_id(&id)
        .send()
        .await;
    let result = read.unwrap();
    assert_eq!(
        (result.session_id(), result.status().as_str()),
        (id.as_str(), "UNDER_REVIEW")
    );
}

#[tokio::test]
async fn the_retry_after_header_is_in_milliseconds() {
    let fault = "results:ThrottlingException/400+retry-after/750ms";
    let scene = scene(with_faults(&[fault])).await;
    let id = scene.create("token").await.unwrap();
    let read = scene
        .aws
        .get_face_liveness_session_results()
        .session_id(id)
        .send()
        .await;
    let error = read.unwrap_err();
    assert_eq!(
        error
            .raw_response()
            .unwrap()
            .headers()
            .get("x-amz-retry-after"),
        Some("750")
    );
}

#[tokio::test]
async fn control_requests_script_faults_and_return_stats() {
    let scene = scene(immediate()).await;
    let faults = "create:html/502\n\n create:reset** \n";
    let (status, body) = scene.control("POST /_simulator/faults", faults).await;
    assert_eq!(
        (status.as_str(), body.as_str()),
        ("HTTP/1.1 200 OK", "2 faults enqueued\n")
    );
    assert_eq!(scene.create("a").await, Err("no code 502".to_owned()));
    assert_eq!(scene.create("a").await, Err("no response".to_owned()));
    scene.control("DELETE /_simulator/faults", "").await;
    assert!(scene.create("a").await.is_ok());

    let (status, body) = scene
        .control("POST /_simulator/faults", "create:hang\ncreate:no")
        .await;
    assert!(
        status.contains("400") && body.contains("\"create:no\""),
        "{status} {body}"
    );
    assert!(
        scene.create("b").await.is_ok(),
        "an invalid list enqueues no fault"
    );

    let (_, body) = scene.control("GET /_simulator/stats", "").await;
    let stats: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&stats["sessions_made"], &stats["create"]["calls"]),
        (&2.into(), &4.into())
    );
    let (status, _) = scene
        .control("POST /_simulator/faults", &"x".repeat(65 * 1024))
        .await;
    assert!(status.contains("400"), "{status}");
}

#[tokio::test]
async fn the_lost_answer_profile_creates_every_session() {
    let profile = Profile::LostAnswer;
    let scene = scene(Settings {
        profile,
        ..immediate()
    })
    .await;
    let (mut lost, calls) = (0, 12);
    for call in 0..calls {
        let token = format!("token-{call}");
        while scene.create(&token).await.is_err() {
            lost += 1;
            scene.simulator.reset_stats();
            assert!(lost < 100, "too many responses are lost");
        }
    }
    assert!(lost > 0);
    assert_eq!(scene.simulator.stats().sessions_remembered, calls);
}

#[tokio::test]
async fn stopping_closes_a_hanging_call() {
    let scene = scene(with_faults(&["create:hang"])).await;
    let hanging = tokio::spawn({
        let aws = scene.aws.clone();
        async move { create(&aws, None).await }
    });
    while scene.simulator.stats().in_flight == 0 {
        tokio::task::yield_now().await;
    }
    scene.stop.cancel();
    scene.running.await.unwrap();
    assert_eq!(hanging.await.unwrap(), Err("no response".to_owned()));
}
