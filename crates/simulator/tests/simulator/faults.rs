//! What goes wrong by order and by profile, as the SDK sees it.

use livegate_simulator::{Profile, Settings};

use crate::scene::{at_once, create, fault, scene, with_faults};

#[tokio::test]
async fn a_lost_answer_is_found_again_with_its_token() {
    let scene = scene(with_faults(&["create:lost-answer"])).await;
    assert_eq!(scene.create("token").await, Err("no answer".to_owned()));
    assert_eq!(scene.simulator.stats().sessions_made, 1);
    assert!(scene.create("token").await.is_ok());
    assert_eq!(scene.simulator.stats().sessions_made, 1);
}

#[tokio::test]
async fn every_fault_arrives_as_the_sdk_sees_it_and_the_next_call_is_well() {
    let scene = scene(at_once()).await;
    for (spec, seen) in [
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
        ("cut-off/200", "unreadable"),
        ("reset", "no answer"),
        ("hang", "timeout"),
        ("delay/30s", "timeout"),
    ] {
        scene.simulator.enqueue([fault(&format!("create:{spec}"))]);
        assert_eq!(scene.create("token").await, Err(seen.to_owned()), "{spec}");
        assert!(scene.create("token").await.is_ok(), "after {spec}");
    }
}

#[tokio::test]
async fn the_sdk_takes_an_answer_without_a_session_for_a_success() {
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
async fn a_status_that_no_model_has_reaches_the_caller_as_unknown() {
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
async fn a_hint_to_wait_is_in_milliseconds() {
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
async fn faults_are_ordered_and_counts_read_over_http() {
    let scene = scene(at_once()).await;
    let faults = "create:html/502\n\n create:reset** \n";
    let (status, body) = scene.control("POST /_simulator/faults", faults).await;
    assert_eq!(
        (status.as_str(), body.as_str()),
        ("HTTP/1.1 200 OK", "2 faults enqueued\n")
    );
    assert_eq!(scene.create("a").await, Err("no code 502".to_owned()));
    assert_eq!(scene.create("a").await, Err("no answer".to_owned()));
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
        "none of a bad list is played"
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
async fn the_lost_answer_profile_loses_some_and_keeps_every_session() {
    let profile = Profile::LostAnswer;
    let scene = scene(Settings {
        profile,
        ..at_once()
    })
    .await;
    let (mut lost, calls) = (0, 12);
    for call in 0..calls {
        let token = format!("token-{call}");
        while scene.create(&token).await.is_err() {
            lost += 1;
            scene.simulator.reset_stats();
            assert!(lost < 100, "nearly every answer is lost");
        }
    }
    assert!(lost > 0);
    assert_eq!(scene.simulator.stats().sessions_remembered, calls);
}

#[tokio::test]
async fn stopping_ends_a_hanging_call_at_once() {
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
    assert_eq!(hanging.await.unwrap(), Err("no answer".to_owned()));
}
