//! Coming and going: what is said to whom, in which order, and by when.

use std::time::Duration;

use livegate::grpc::v1::session_service_server::SERVICE_NAME;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::process::{LONGEST, Process, at_once};

#[tokio::test]
async fn from_ready_to_gone_in_order() {
    let set = ["shutdown.lameduck=500ms", "shutdown.grace=10s"];
    let process = Process::up(at_once(), &set).await;
    for service in ["", SERVICE_NAME] {
        assert_eq!(process.health(service).await, "SERVING");
    }
    let alive = process.get("/livez").await.unwrap();
    assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");

    process.stop.cancel();
    process.ready_says("503 Service Unavailable").await;
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

    let left = timeout(LONGEST, process.running).await;
    left.expect("it leaves").unwrap().unwrap();
    assert!(TcpStream::connect(process.grpc).await.is_err());
}

#[tokio::test]
async fn a_watcher_of_the_health_hears_of_the_leaving() {
    let set = ["shutdown.lameduck=200ms", "shutdown.grace=100ms"];
    let process = Process::up(at_once(), &set).await;
    let request = HealthCheckRequest::default();
    let watch = HealthClient::new(process.channel()).watch(request).await;
    let mut heard = watch.unwrap().into_inner();
    let mut next = async || {
        heard
            .message()
            .await
            .unwrap()
            .unwrap()
            .status()
            .as_str_name()
    };
    assert_eq!(next().await, "SERVING");
    process.stop.cancel();
    assert_eq!(timeout(LONGEST, next()).await, Ok("NOT_SERVING"));
    process.leave().await;
}

#[tokio::test]
async fn calls_under_way_are_finished_and_nobody_waits_for_longer() {
    let set = ["shutdown.lameduck=0s", "shutdown.grace=15s"];
    let process = Process::up(at_once(), &set).await;
    process.play("create:delay/400ms");
    let under_way = tokio::spawn({
        let caller = process.caller();
        async move { caller.create().await }
    });
    in_flight(&process).await;
    let begun = Instant::now();
    process.leave().await;
    assert!(under_way.await.unwrap().is_ok());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "not the whole grace"
    );
}

#[tokio::test]
async fn no_client_holds_it_past_its_grace() {
    let set = [
        "shutdown.lameduck=50ms",
        "shutdown.grace=400ms",
        "upstream.attempt_timeout=60s",
    ];
    let process = Process::up(at_once(), &set).await;
    let mut half = TcpStream::connect(process.grpc).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
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
    process.play("create:hang");
    let hanging = tokio::spawn({
        let caller = process.caller().within(Duration::from_secs(60));
        async move { caller.create().await }
    });
    in_flight(&process).await;
    let begun = Instant::now();
    process.leave().await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    hanging.abort();
}

/// Waits until AWS is being asked.
async fn in_flight(process: &Process) {
    let asked = async {
        while process.simulator.stats().in_flight == 0 {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LONGEST, asked).await.expect("AWS is asked");
}
