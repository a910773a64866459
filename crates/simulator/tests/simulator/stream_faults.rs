//! Faults of streams, each as a device notices it: the rows of a client's table of errors.

use std::time::Duration;

use livegate_simulator::DeviceError;
use tokio::time::timeout;

use crate::scene::{Scene, fault, scene};
use crate::streams::{device, streaming};

/// The time after which a check is taken for silent; others end within milliseconds.
const SILENCE: Duration = Duration::from_secs(5);

/// Plays a check, and returns how it ended; `silence` if it does not end.
async fn play(scene: &Scene, id: &str) -> String {
    let device = device(scene);
    let Ok(check) = timeout(SILENCE, device.play(id)).await else {
        return "silence".to_owned();
    };
    match check {
        Ok(()) => "complete".to_owned(),
        Err(DeviceError::Exception { code, message }) => {
            assert!(!message.is_empty(), "{code}");
            code
        }
        Err(DeviceError::Closed(code)) => format!("close {code}"),
        Err(DeviceError::Handshake(status)) => format!("status {status}"),
        Err(DeviceError::InvalidMessage(_)) => "invalid message".to_owned(),
        Err(DeviceError::Broken(_)) => "broken".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

/// Plays one check for each fault, and compares its end and the status of its session.
async fn assert_ends(cases: &[(&str, &str, &str)]) {
    let scene = scene(streaming()).await;
    for (number, (spec, end, status)) in cases.iter().enumerate() {
        let id = scene.create(&number.to_string()).await.expect("a session");
        scene.simulator.enqueue([fault(&format!("start:{spec}"))]);
        assert_eq!(play(&scene, &id).await, *end, "{spec}");
        scene.await_no_checks().await;
        assert_eq!(scene.status(&id).await, *status, "{spec}");
        if *status == "CREATED" {
            assert_eq!(play(&scene, &id).await, "complete", "after {spec}");
        }
    }
    let stats = scene.simulator.stats();
    assert_eq!(stats.start.faults_played, cases.len() as u64);
}

#[tokio::test]
async fn an_exception_as_the_first_message_leaves_the_session_for_another_stream() {
    for code in [
        "ThrottlingException",
        "ServiceQuotaExceededException",
        "ValidationException",
        "InternalServerException",
        "ServiceUnavailableException",
        "SessionNotFoundException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "InvalidSignatureException",
    ] {
        assert_ends(&[(&format!("{code}/400"), code, "CREATED")]).await;
    }
}

#[tokio::test]
async fn a_wrong_region_is_an_invalid_signature_with_the_words_that_clients_look_for() {
    let scene = scene(streaming()).await;
    let id = scene.create("token").await.unwrap();
    scene.simulator.enqueue([fault("start:wrong-region")]);
    let error = device(&scene).play(&id).await.unwrap_err().to_string();
    assert!(error.starts_with("InvalidSignatureException: ") && error.contains("valid region"));
}

#[tokio::test]
async fn an_exception_or_close_in_the_middle_breaks_the_check_off() {
    assert_ends(&[
        (
            "ThrottlingException/400+after/1",
            "ThrottlingException",
            "FAILED",
        ),
        (
            "InternalServerException/500+after/1",
            "InternalServerException",
            "FAILED",
        ),
        ("close/4003+after/1", "close 4003", "FAILED"),
        ("close/1011+after/1", "close 1011", "FAILED"),
        ("reset+after/1", "broken", "FAILED"),
        ("lost-answer+after/1", "broken", "FAILED"),
        ("hang+after/1", "silence", "FAILED"),
        ("wrong-crc+after/1", "invalid message", "FAILED"),
    ])
    .await;
}

#[tokio::test]
async fn a_close_or_silence_before_the_first_message_breaks_the_check_off() {
    assert_ends(&[
        ("close/1000", "close 1000", "FAILED"),
        ("close/4003", "close 4003", "FAILED"),
        ("close/1011", "close 1011", "FAILED"),
        ("hang+after/0", "silence", "FAILED"),
    ])
    .await;
}

#[tokio::test]
async fn a_handshake_can_be_refused_or_remain_without_an_answer() {
    assert_ends(&[
        ("status/403", "status 403", "CREATED"),
        ("html/503", "status 503", "CREATED"),
        ("hang", "silence", "CREATED"),
        ("reset", "broken", "CREATED"),
        ("lost-answer", "broken", "FAILED"),
    ])
    .await;
}

#[tokio::test]
async fn a_challenge_can_be_unreadable() {
    assert_ends(&[
        ("no-config", "invalid message", "FAILED"),
        ("unknown-challenge", "invalid message", "FAILED"),
        ("wrong-crc", "invalid message", "FAILED"),
    ])
    .await;
}

#[tokio::test]
async fn a_fault_at_the_end_leaves_the_result() {
    assert_ends(&[
        (
            "InternalServerException/500+at-end",
            "InternalServerException",
            "SUCCEEDED",
        ),
        ("close/1000+at-end", "close 1000", "SUCCEEDED"),
        ("hang+at-end", "silence", "SUCCEEDED"),
        ("wrong-crc+at-end", "invalid message", "SUCCEEDED"),
        ("delay/300ms+at-end", "complete", "SUCCEEDED"),
        ("delay/30s+at-end", "silence", "SUCCEEDED"),
    ])
    .await;
}

#[tokio::test]
async fn a_close_of_the_client_is_answered_with_1000_and_breaks_the_check_off() {
    let scene = scene(streaming()).await;
    for code in [4000, 4001, 4003, 4005] {
        let id = scene.create(&format!("token-{code}")).await.unwrap();
        let mut stream = device(&scene).open(&id).await.unwrap();
        assert_eq!(stream.receive().await.unwrap().name, "ChallengeEvent");
        assert_eq!(stream.close(code).await.unwrap(), 1000);
        scene.await_no_checks().await;
        assert_eq!(scene.status(&id).await, "FAILED");
    }
}
