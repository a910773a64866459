//! A collector that is not there, or does not answer, costs spans and no call.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

use crate::QUICK;
use crate::call::{Caller, traceparent};
use crate::collector::{Collector, traced};
use crate::process::{ConfigMap, Process};

#[tokio::test]
async fn a_collector_that_is_down_costs_one_line_and_no_call() {
    let address = free_address().await;
    let service = service(address).await;
    let caller = Caller::of(&service).await;
    crowd(&caller, 100).await;
    service.logs("trace export failed, spans are dropped").await;
    crowd(&caller, 100).await;
    // More than one batch that fails: they leave once a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let collector = Collector::at(address).await;
    caller.create(Some(&traceparent("01"))).await;
    let lines = service.logs_until("trace export recovered").await;
    let loud = |line: &&String| line.contains("WARN") || line.contains("ERROR");
    assert_eq!(lines.iter().find(loud), None);
    assert!(!collector.spans_of(1).await.is_empty());
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_up_neither_calls_nor_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let mut service = service(address).await;
    let caller = Caller::of(&service).await;
    crowd(&caller, 200).await;
    drop(caller);
    let begun = Instant::now();
    service.terminate();
    assert!(service.ended().await.success());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let lines = service.logs_until("\"gone\"").await;
    let loud = lines
        .iter()
        .filter(|line| line.contains("trace export failed"));
    assert!(loud.count() <= 1, "{lines:?}");
}

#[tokio::test]
async fn whoever_asks_twice_waits_for_no_collector() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let slow = "[shutdown]\nlameduck = \"20s\"\n";
    let traces = traced(address).replace("200ms", "30s");
    let map = ConfigMap::holding(&format!("{slow}{traces}"));
    let mut service = Process::serve(&map).await;
    Caller::of(&service).await.create(None).await;
    service.terminate();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    service.terminate();
    assert!(service.ended().await.success());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

async fn service(collector: SocketAddr) -> Process {
    let settings = format!("{QUICK}{}", traced(collector));
    Process::serve(&ConfigMap::holding(&settings)).await
}

/// So many calls, each of which gets its session.
async fn crowd(caller: &Caller, count: usize) {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let caller = caller.clone();
        calls.spawn(async move { caller.create(None).await });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("a session");
    }
}

/// Where nobody listens.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}
