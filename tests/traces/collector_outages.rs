//! A collector that is down or hangs: spans are lost, and calls are not affected.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

use crate::QUICK;
use crate::call::{Caller, traceparent};
use crate::collector::{Collector, traced};
use crate::process::{ConfigMap, Process};

#[tokio::test]
async fn an_outage_of_the_collector_is_logged_once_and_affects_no_call() {
    let address = free_address().await;
    let service = service(address).await;
    let caller = Caller::of(&service).await;
    create_many(&caller, 100).await;
    service.logs("trace export failed, spans are dropped").await;
    create_many(&caller, 100).await;
    // Long enough for several failed batches: one is sent each second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let collector = Collector::at(address).await;
    caller.create(Some(&traceparent("01"))).await;
    let lines = service.logs_until("trace export recovered").await;
    let is_alert = |line: &&String| line.contains("WARN") || line.contains("ERROR");
    assert_eq!(lines.iter().find(is_alert), None);
    assert!(!collector.spans_of(1).await.is_empty());
}

#[tokio::test]
async fn a_hanging_collector_delays_neither_calls_nor_the_shutdown() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = hanging.local_addr().expect("an address");
    let mut service = service(address).await;
    let caller = Caller::of(&service).await;
    create_many(&caller, 200).await;
    drop(caller);
    let started = Instant::now();
    service.terminate();
    assert!(service.ended().await.success());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let lines = service.logs_until("\"shutdown complete\"").await;
    let failures = lines
        .iter()
        .filter(|line| line.contains("trace export failed"));
    assert!(failures.count() <= 1, "{lines:?}");
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_collector() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = hanging.local_addr().expect("an address");
    let slow = "[shutdown]\nlameduck = \"20s\"\n";
    let traces = traced(address).replace("200ms", "30s");
    let map = ConfigMap::holding(&format!("{slow}{traces}"));
    let mut service = Process::serve(&map).await;
    Caller::of(&service).await.create(None).await;
    service.terminate();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    service.terminate();
    assert!(service.ended().await.success());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

async fn service(collector: SocketAddr) -> Process {
    let settings = format!("{QUICK}{}", traced(collector));
    Process::serve(&ConfigMap::holding(&settings)).await
}

/// Creates `count` sessions concurrently.
async fn create_many(caller: &Caller, count: usize) {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let caller = caller.clone();
        calls.spawn(async move { caller.create(None).await });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("a session");
    }
}

/// An address without a listener.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}
