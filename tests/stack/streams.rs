//! Streams: how they are counted, and how they end at a shutdown.

use std::time::Duration;

use livegate::grpc::v1;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::error_metrics::{Counts, counts, failures};
use super::process::{Process, TIMEOUT, at_once};

/// Sends `message` to the reflection service, and nothing after it.
async fn reflect(
    process: &Process,
    message: Option<MessageRequest>,
) -> Streaming<ServerReflectionResponse> {
    let request = ServerReflectionRequest {
        message_request: message,
        ..Default::default()
    };
    let requests = open_stream(request);
    let mut client = ServerReflectionClient::new(process.channel());
    let replies = client.server_reflection_info(requests).await;
    replies.unwrap().into_inner()
}

/// Returns a stream of one message that does not end.
fn open_stream<T>(message: T) -> impl Stream<Item = T> {
    tokio_stream::once(message).chain(tokio_stream::pending())
}

/// Waits until the failed calls are `expected`.
async fn wait_for_failures(process: &Process, expected: &Counts) {
    let counted = async {
        while failures(process).await != *expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let counted = timeout(TIMEOUT, counted).await;
    assert!(counted.is_ok(), "{:?}", failures(process).await);
}

#[tokio::test]
async fn a_stream_is_counted_with_the_status_that_ends_it() {
    let process = Process::start(at_once(), &["results.require_token=false"]).await;
    let caller = process.caller();
    let watch = async |session_id: String| {
        let request = v1::WatchSessionRequest {
            session_id,
            ..Default::default()
        };
        caller.watch(request).await.unwrap()
    };
    let health = HealthClient::new(process.channel());
    let health = health.clone().watch(HealthCheckRequest::default()).await;
    drop(health.unwrap());

    let session = caller.create().await.unwrap().session.session_id;
    let mut finished = watch(session.clone()).await;
    while finished.message().await.unwrap().is_some() {}
    let mut unknown = watch(uuid::Uuid::new_v4().to_string()).await;
    assert_eq!(unknown.message().await.unwrap_err().code(), Code::NotFound);
    let mut invalid = reflect(&process, None).await;
    let status = invalid.message().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let mut expected = counts([
        ("WatchSession SESSION_NOT_FOUND caller", 1),
        ("other INVALID_ARGUMENT caller", 1),
    ]);
    wait_for_failures(&process, &expected).await;

    process.inject("results:hang");
    drop(watch(uuid::Uuid::new_v4().to_string()).await);
    expected.extend(counts([("WatchSession CANCELLED caller", 1)]));
    wait_for_failures(&process, &expected).await;
    let page = process.get("/metrics").await.unwrap();
    let finished =
        "{grpc_method=\"livegate.v1.SessionService/WatchSession\",grpc_status=\"OK\"} 1\n";
    assert!(page.contains(finished), "{page}");
    process.shut_down().await;
}

#[tokio::test]
async fn a_reflection_stream_ends_when_its_client_sends_nothing_for_the_body_timeout() {
    let process = Process::start(at_once(), &["grpc.request_body_timeout=100ms"]).await;
    let list = MessageRequest::ListServices(String::new());
    let mut replies = reflect(&process, Some(list)).await;
    assert!(replies.message().await.unwrap().is_some());
    let end = timeout(TIMEOUT, replies.message()).await;
    assert_eq!(end.expect("it ends").expect("its status is OK"), None);
    process.shut_down().await;
}

#[tokio::test]
async fn a_reflection_stream_does_not_delay_the_shutdown() {
    let set = ["shutdown.lameduck=0s", "shutdown.grace=15s"];
    let process = Process::start(at_once(), &set).await;
    let list = MessageRequest::ListServices(String::new());
    let mut replies = reflect(&process, Some(list)).await;
    assert!(replies.message().await.unwrap().is_some());
    let start = Instant::now();
    process.stop.cancel();
    let end = timeout(TIMEOUT, replies.message()).await;
    let end = end.expect("it ends").expect("its status is OK");
    assert_eq!(end, None);
    process.shut_down().await;
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "not the whole grace"
    );
}
