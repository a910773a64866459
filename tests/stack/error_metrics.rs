//! The metric `livegate_rpc_errors`: every failed call once, by the reason that its caller
//! received.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use livegate::grpc::v1;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::Status;
use tonic_prost::ProstCodec;

use super::process::{Process, TIMEOUT, at_once};
use crate::harness::status::CallStatus;

const PATH: &str = "livegate.v1.SessionService/CreateSession";
pub(super) const CREATE: &str = "CreateSession";
const RESULT: &str = "GetSessionResult";

pub(super) type Counts = BTreeMap<String, u64>;

/// Returns the series of a metric: labels and value.
fn series<'a>(page: &'a str, name: &str) -> Vec<(&'a str, u64)> {
    let start = format!("{name}{{");
    let lines = page.lines().filter_map(|line| line.strip_prefix(&start));
    let split = |line: &'a str| {
        let (labels, value) = line.split_once("} ").unwrap();
        (labels, value.parse().unwrap())
    };
    lines.map(split).collect()
}

fn label<'a>(labels: &'a str, name: &str) -> &'a str {
    let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
    rest.split('"').next().unwrap()
}

/// Returns the failed calls by method, reason and fault, after checking that they are as
/// many as the calls whose status is not `OK`.
pub(super) async fn failures(process: &Process) -> Counts {
    let page = process.get("/metrics").await.unwrap();
    let errors = series(&page, "livegate_rpc_errors_total");
    let calls = series(&page, "grpc_server_call_duration_seconds_count");
    let not_ok = calls
        .iter()
        .filter(|(labels, _)| label(labels, "grpc_status") != "OK");
    let not_ok: u64 = not_ok.map(|(_, number)| number).sum();
    let all: u64 = errors.iter().map(|(_, number)| number).sum();
    assert_eq!(all, not_ok, "{page}");
    let counted = errors.into_iter().filter(|(_, number)| *number > 0);
    let named = counted.map(|(labels, number)| {
        let method = label(labels, "grpc_method").rsplit('/').next().unwrap();
        let (reason, fault) = (label(labels, "reason"), label(labels, "fault"));
        (format!("{method} {reason} {fault}"), number)
    });
    named.collect()
}

pub(super) fn counts<const N: usize>(expected: [(&str, u64); N]) -> Counts {
    let owned = expected.map(|(text, number)| (text.to_owned(), number));
    owned.into_iter().collect()
}

/// A failed call: the method, the error that the caller received, and the fault.
pub(super) type FailedCall = (&'static str, CallStatus, &'static str);

/// Checks that the metric has each error that a caller received, once.
pub(super) async fn assert_counted(process: &Process, failed: Vec<FailedCall>) {
    let keys = failed.iter().map(|(method, error, fault)| {
        let key = format!("{method} {} {fault}", error.reason);
        (key, 1)
    });
    let expected: Counts = keys.collect();
    assert_eq!(expected.len(), failed.len(), "each has a different reason");
    assert_eq!(failures(process).await, expected);
}

#[tokio::test]
async fn each_error_is_counted_with_the_reason_that_its_caller_received() {
    let set = [
        "auth.mode=trusted-header",
        "results.require_token=false",
        // Port 1 is closed.
        "store.url=redis://127.0.0.1:1",
        "idempotency.required=true",
    ];
    let process = Process::start(at_once(), &set).await;
    let anonymous = process.caller();
    let caller = anonymous.named("payments");
    let invalid = caller.repeat("no uuid").await.unwrap_err();
    let unauthenticated = anonymous.create().await.unwrap_err();
    let unknown = caller.send("/made.up.Service/Method", Bytes::new()).await;
    let id = uuid::Uuid::now_v7().to_string();
    let no_store = caller.repeat(&id).await.unwrap_err();
    assert_eq!(no_store.reason, "STORE_UNAVAILABLE");
    let session_id = uuid::Uuid::new_v4().to_string();
    let not_found = caller.result(v1::GetSessionResultRequest {
        session_id,
        ..Default::default()
    });
    let failed = vec![
        (CREATE, invalid, "caller"),
        (CREATE, unauthenticated, "caller"),
        ("other", unknown.unwrap_err(), "caller"),
        (CREATE, no_store, "livegate"),
        (RESULT, not_found.await.unwrap_err(), "caller"),
    ];
    assert_counted(&process, failed).await;
    process.shut_down().await;
}

#[tokio::test]
async fn a_call_that_reaches_no_handler_is_counted() {
    let set = [
        "grpc.max_concurrent_requests=1",
        "grpc.request_body_timeout=100ms",
    ];
    let process = Process::start(at_once(), &set).await;
    let slow = call_without_message(process.channel()).await;
    assert_eq!(CallStatus::of(&slow).reason, "REQUEST_BODY_TIMEOUT");
    process.inject("create:hang");
    let caller = process.caller();
    let hanging = tokio::spawn({
        let caller = caller.clone();
        async move { caller.create().await }
    });
    let received = async {
        while process.simulator.stats().in_flight == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, received)
        .await
        .expect("the only permit is in use");
    let refused = caller.create().await.unwrap_err();
    assert_eq!(refused.reason, "CONCURRENCY_LIMIT_EXCEEDED");
    assert_eq!(refused.pushback, Some(1000));
    let hurried = caller.within(Duration::from_millis(500)).create().await;
    assert_eq!(hurried.unwrap_err().pushback, Some(-1));
    let expected = counts([
        ("CreateSession REQUEST_BODY_TIMEOUT caller", 1),
        ("CreateSession CONCURRENCY_LIMIT_EXCEEDED caller", 2),
    ]);
    assert_eq!(failures(&process).await, expected);
    hanging.abort();
    process.shut_down().await;
}

#[tokio::test]
async fn a_call_whose_deadline_has_passed_on_arrival_is_counted() {
    let process = Process::start(at_once(), &[]).await;
    // A gRPC client would not wait for the response.
    let headers = [("content-type", "application/grpc"), ("grpc-timeout", "1m")];
    let response = send(&process, "POST", &headers).await;
    assert_eq!(response.headers()["grpc-status"], "4");
    let expected = counts([("CreateSession DEADLINE_EXCEEDED caller", 1)]);
    assert_eq!(failures(&process).await, expected);
    process.shut_down().await;
}

#[tokio::test]
async fn a_request_that_is_not_grpc_is_counted_as_grpc_clients_see_it() {
    let process = Process::start(at_once(), &["auth.mode=trusted-header"]).await;
    let get = send(&process, "GET", &[("content-type", "application/grpc")]).await;
    let text = send(&process, "POST", &[("content-type", "text/plain")]).await;
    assert_eq!((get.status().as_u16(), text.status().as_u16()), (405, 415));
    let expected = counts([("CreateSession UNKNOWN caller", 2)]);
    assert_eq!(failures(&process).await, expected);
    process.shut_down().await;
}

/// Sends a request for `CreateSession` with these headers and no body.
async fn send(process: &Process, method: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
    let stream = TcpStream::connect(process.grpc).await.unwrap();
    let connected = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut client, connection) = connected.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/{PATH}", process.grpc);
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    client.send_request(request).await.unwrap()
}

/// Starts a call, never sends its message, and returns the status.
async fn call_without_message(channel: tonic::transport::Channel) -> Status {
    let codec = ProstCodec::<v1::CreateSessionRequest, v1::CreateSessionResponse>::default();
    let path = format!("/{PATH}").parse().unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let never = tonic::Request::new(tokio_stream::pending());
    grpc.client_streaming(never, path, codec).await.unwrap_err()
}

#[tokio::test]
async fn a_cancelled_call_is_counted_without_a_reason() {
    let process = Process::start(at_once(), &[]).await;
    process.inject("create:hang");
    let caller = process.caller();
    let cancelled = timeout(Duration::from_millis(100), caller.create()).await;
    assert!(cancelled.is_err());
    let counted = async {
        loop {
            let failures = failures(&process).await;
            if !failures.is_empty() {
                return failures;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let failures = timeout(TIMEOUT, counted).await.expect("it is counted");
    assert_eq!(failures, counts([("CreateSession CANCELLED caller", 1)]));
    process.shut_down().await;
}

#[tokio::test]
async fn errors_of_livegate_start_at_zero() {
    let process = Process::start(at_once(), &[]).await;
    let page = process.get("/metrics").await.unwrap();
    let errors = series(&page, "livegate_rpc_errors_total");
    assert!(
        errors
            .iter()
            .all(|(labels, number)| { (label(labels, "fault"), *number) == ("livegate", 0) })
    );
    for method in [CREATE, RESULT] {
        let has = |reason: &str| {
            let of = |labels: &str| label(labels, "grpc_method").ends_with(method);
            let is = |labels: &str| label(labels, "reason") == reason;
            errors.iter().any(|(labels, _)| of(labels) && is(labels))
        };
        assert!(
            has("STORE_UNAVAILABLE") && has("UPSTREAM_CREDENTIALS"),
            "{page}"
        );
    }
    process.shut_down().await;
}
