//! What operators can count.

use std::time::Duration;

use bytes::Bytes;
use livegate::grpc::v1::{self, session_service_client::SessionServiceClient};
use tokio::time::{sleep, timeout};

use super::process::{LONGEST, Process, at_once};

const CREATE: &str = "livegate.v1.SessionService/CreateSession";

/// How many calls ended so; `None` where none did.
async fn counted(process: &Process, method: &str, status: &str) -> Option<u64> {
    let page = process.get("/metrics").await.unwrap();
    let begins = "grpc_server_call_duration_seconds_count";
    let line = format!("{begins}{{grpc_method=\"{method}\",grpc_status=\"{status}\"}} ");
    let count = page.lines().find_map(|text| text.strip_prefix(&line))?;
    Some(count.parse().unwrap())
}

/// How many calls to create a session were cut off, once any was.
async fn cancelled(process: &Process) -> u64 {
    let seen = async {
        loop {
            if let Some(number) = counted(process, CREATE, "CANCELLED").await {
                return number;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONGEST, seen).await.expect("it is counted")
}

#[tokio::test]
async fn every_call_is_counted_once_by_method_and_status() {
    let process = Process::up(at_once(), &[]).await;
    let caller = process.caller();
    for _ in 0..3 {
        caller.create().await.unwrap();
    }
    caller.repeat("no uuid").await.unwrap_err();
    let unknown = caller.send("/made.up.Service/Method", Bytes::new()).await;
    unknown.unwrap_err();
    let page = process.get("/metrics").await.unwrap();
    assert!(
        page.contains("content-type: text/plain; version=0.0.4"),
        "{page}"
    );
    assert!(!page.contains("# EOF"), "only OpenMetrics has an end mark");
    assert!(
        !page.contains("made.up"),
        "whatever a peer invents is one label"
    );
    assert_eq!(counted(&process, CREATE, "OK").await, Some(3));
    assert_eq!(counted(&process, CREATE, "INVALID_ARGUMENT").await, Some(1));
    assert_eq!(counted(&process, "other", "UNIMPLEMENTED").await, Some(1));
    process.leave().await;
}

#[tokio::test]
async fn a_call_that_its_caller_gave_up_is_counted_too() {
    let process = Process::up(at_once(), &[]).await;
    process.play("create:hang");
    let caller = process.caller();
    let given_up = timeout(Duration::from_millis(100), caller.create()).await;
    assert!(given_up.is_err());
    assert_eq!(cancelled(&process).await, 1);
    process.leave().await;
}

#[tokio::test]
async fn a_call_that_is_cut_off_with_its_connection_looks_as_if_given_up() {
    let age = [
        "grpc.max_connection_age=1s",
        "grpc.max_connection_age_grace=0s",
    ];
    let process = Process::up(at_once(), &age).await;
    process.play("create:hang**");
    let mut client = SessionServiceClient::new(process.channel());
    let cut_off = client.create_session(v1::CreateSessionRequest::default());
    cut_off.await.unwrap_err();
    assert_eq!(cancelled(&process).await, 1);
    let page = process.get("/metrics").await.unwrap();
    let aged = "grpc_server_connections_total{outcome=\"max_age\"} 1\n";
    assert!(page.contains(aged), "{page}");
    assert!(
        page.contains("or Livegate aborted it at the end of a grace period"),
        "it says so"
    );
    process.leave().await;
}

#[tokio::test]
async fn an_attempt_that_is_given_up_after_more_than_a_second_hung_at_aws() {
    let process = Process::up(at_once(), &[]).await;
    process.play("create:hang**");
    let hurried = process.caller().within(Duration::from_millis(200));
    hurried.create().await.unwrap_err();
    let patient = process.caller().within(Duration::from_millis(1300));
    patient.create().await.unwrap_err();
    let caller = process.caller();
    for millis in [100, 1300] {
        let given_up = timeout(Duration::from_millis(millis), caller.create()).await;
        assert!(given_up.is_err());
    }
    while cancelled(&process).await < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    let page = process.get("/metrics").await.unwrap();
    for (outcome, number) in [("deadline", 1), ("cancelled", 1), ("hung", 2)] {
        let labels = format!("operation=\"create\",attempt=\"first\",outcome=\"{outcome}\"");
        let line = format!("\nlivegate_upstream_attempts_total{{{labels}}} {number}\n");
        assert!(page.contains(&line), "{outcome}\n{page}");
    }
    process.leave().await;
}
