//! The metrics of calls, connections and attempts.

use std::time::Duration;

use bytes::Bytes;
use livegate::grpc::v1::{self, session_service_client::SessionServiceClient};
use tokio::time::{sleep, timeout};

use super::process::{Process, TIMEOUT, at_once};

const CREATE: &str = "livegate.v1.SessionService/CreateSession";

/// Returns the number of calls with a status; `None` without a series.
async fn call_count(process: &Process, method: &str, status: &str) -> Option<u64> {
    let page = process.get("/metrics").await.unwrap();
    let name = "grpc_server_call_duration_seconds_count";
    let line = format!("{name}{{grpc_method=\"{method}\",grpc_status=\"{status}\"}} ");
    let count = page.lines().find_map(|text| text.strip_prefix(&line))?;
    Some(count.parse().unwrap())
}

/// Waits for a cancelled call to create a session, and returns how many there are.
async fn cancelled_calls(process: &Process) -> u64 {
    let counted = async {
        loop {
            if let Some(number) = call_count(process, CREATE, "CANCELLED").await {
                return number;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, counted).await.expect("it is counted")
}

#[tokio::test]
async fn every_call_is_counted_once_by_method_and_status() {
    let process = Process::start(at_once(), &[]).await;
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
    assert!(
        !page.contains("# EOF"),
        "the end marker belongs to OpenMetrics"
    );
    assert!(
        !page.contains("made.up"),
        "a method that a peer made up is no label value"
    );
    assert_eq!(call_count(&process, CREATE, "OK").await, Some(3));
    assert_eq!(
        call_count(&process, CREATE, "INVALID_ARGUMENT").await,
        Some(1)
    );
    assert_eq!(
        call_count(&process, "other", "UNIMPLEMENTED").await,
        Some(1)
    );
    process.shut_down().await;
}

#[tokio::test]
async fn a_cancelled_call_is_counted() {
    let process = Process::start(at_once(), &[]).await;
    process.inject("create:hang");
    let caller = process.caller();
    let cancelled = timeout(Duration::from_millis(100), caller.create()).await;
    assert!(cancelled.is_err());
    assert_eq!(cancelled_calls(&process).await, 1);
    process.shut_down().await;
}

#[tokio::test]
async fn a_call_aborted_with_its_connection_is_counted_as_cancelled() {
    let age = [
        "grpc.max_connection_age=1s",
        "grpc.max_connection_age_grace=0s",
    ];
    let process = Process::start(at_once(), &age).await;
    process.inject("create:hang**");
    let mut client = SessionServiceClient::new(process.channel());
    let aborted = client.create_session(v1::CreateSessionRequest::default());
    aborted.await.unwrap_err();
    assert_eq!(cancelled_calls(&process).await, 1);
    let page = process.get("/metrics").await.unwrap();
    let max_age = "grpc_server_connections_total{outcome=\"max_age\"} 1\n";
    assert!(page.contains(max_age), "{page}");
    assert!(
        page.contains("or Livegate aborted it at the end of a grace period"),
        "the help text says so"
    );
    process.shut_down().await;
}

#[tokio::test]
async fn a_burst_of_calls_on_one_connection_is_no_flood() {
    let process = Process::start(at_once(), &[]).await;
    let caller = process.caller().within(Duration::from_secs(20));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let caller = caller.clone();
        calls.spawn(async move { caller.create().await.is_ok() });
    }
    let served = calls.join_all().await;
    assert!(served.iter().all(|served| *served));
    process.shut_down().await;
}

#[tokio::test]
async fn an_attempt_without_an_answer_for_more_than_a_second_is_counted_as_hung() {
    let process = Process::start(at_once(), &[]).await;
    process.inject("create:hang**");
    let short = process.caller().within(Duration::from_millis(200));
    short.create().await.unwrap_err();
    let long = process.caller().within(Duration::from_millis(1300));
    long.create().await.unwrap_err();
    let caller = process.caller();
    for millis in [100, 1300] {
        let cancelled = timeout(Duration::from_millis(millis), caller.create()).await;
        assert!(cancelled.is_err());
    }
    while cancelled_calls(&process).await < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    let page = process.get("/metrics").await.unwrap();
    for (outcome, number) in [("deadline", 1), ("cancelled", 1), ("hung", 2)] {
        let labels = format!("operation=\"create\",attempt=\"first\",outcome=\"{outcome}\"");
        let line = format!("\nlivegate_upstream_attempts_total{{{labels}}} {number}\n");
        assert!(page.contains(&line), "{outcome}\n{page}");
    }
    process.shut_down().await;
}
