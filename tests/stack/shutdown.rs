//! Start and shutdown: readiness, health and connections, in order and in time.

use std::time::Duration;

use livegate::grpc::v1::session_service_server::SERVICE_NAME;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::process::{Process, TIMEOUT, at_once};

#[tokio::test]
async fn readiness_health_and_connections_change_in_order() {
    let set = ["shutdown.lameduck=500ms", "shutdown.grace=10s"];
    let process = Process::start(at_once(), &set).await;
    for service in ["", SERVICE_NAME] {
        assert_eq!(process.health(service).await, "SERVING");
    }
    let alive = process.get("/livez").await.unwrap();
    assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");

    process.stop.cancel();
    process.wait_until_ready_is("503 Service Unavailable").await;
    assert!(
        process
            .get("/readyz")
            .await
            .unwrap()
            .ends_with("draining\n")
    );
    for service in ["", SERVICE_NAME] {
        assert_eq!(process.health(service).await, "NOT_SERVING");
    }
    assert!(process.caller().create().await.is_ok(), "it still serves");
    assert!(
        process
            .get("/livez")
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );

    let stopped = timeout(TIMEOUT, process.running).await;
    stopped.expect("it shuts down").unwrap().unwrap();
    assert!(TcpStream::connect(process.grpc).await.is_err());
}

#[tokio::test]
async fn a_health_watch_receives_the_shutdown_and_does_not_delay_it() {
    let set = ["shutdown.lameduck=200ms", "shutdown.grace=15s"];
    let process = Process::start(at_once(), &set).await;
    let watch = async |service: &str| {
        let service = service.to_owned();
        let request = HealthCheckRequest { service };
        let watch = HealthClient::new(process.channel()).watch(request).await;
        watch.unwrap().into_inner()
    };
    let next = async |updates: &mut Streaming<HealthCheckResponse>| {
        let update = timeout(TIMEOUT, updates.message()).await;
        let update = update.expect("in time").expect("no error");
        update.map(|response| response.status().as_str_name())
    };
    let (mut known, mut unknown) = (watch("").await, watch("unknown.v1.Service").await);
    assert_eq!(next(&mut known).await, Some("SERVING"));
    assert_eq!(next(&mut unknown).await, Some("SERVICE_UNKNOWN"));
    let start = Instant::now();
    process.stop.cancel();
    assert_eq!(next(&mut known).await, Some("NOT_SERVING"));
    assert_eq!(next(&mut known).await, None);
    assert_eq!(next(&mut unknown).await, None, "it stayed open until now");
    process.shut_down().await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "not the whole grace"
    );
}

#[tokio::test]
async fn calls_in_progress_finish_and_the_process_then_ends_at_once() {
    let set = ["shutdown.lameduck=0s", "shutdown.grace=15s"];
    let process = Process::start(at_once(), &set).await;
    process.inject("create:delay/400ms");
    let call = tokio::spawn({
        let caller = process.caller();
        async move { caller.create().await }
    });
    wait_for_attempt(&process).await;
    let start = Instant::now();
    process.shut_down().await;
    assert!(call.await.unwrap().is_ok());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "not the whole grace"
    );
}

#[tokio::test]
async fn no_client_delays_the_shutdown_beyond_its_grace_period() {
    let set = [
        "shutdown.lameduck=50ms",
        "shutdown.grace=400ms",
        "upstream.attempt_timeout=60s",
    ];
    let process = Process::start(at_once(), &set).await;
    let mut partial = TcpStream::connect(process.grpc).await.unwrap();
    partial.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let mut silent = TcpStream::connect(process.grpc).await.unwrap();
    silent
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    silent.read_u8().await.unwrap();
    let request = HealthCheckRequest::default();
    let watch = HealthClient::new(process.channel()).watch(request).await;
    let mut watch = watch.unwrap().into_inner();
    watch.message().await.unwrap();
    process.inject("create:hang");
    let hanging = tokio::spawn({
        let caller = process.caller().within(Duration::from_secs(60));
        async move { caller.create().await }
    });
    wait_for_attempt(&process).await;
    let start = Instant::now();
    process.shut_down().await;
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    hanging.abort();
}

/// Waits until the simulator has received a call.
async fn wait_for_attempt(process: &Process) {
    let received = async {
        while process.simulator.stats().in_flight == 0 {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(TIMEOUT, received).await.expect("an attempt");
}
