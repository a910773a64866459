//! Reload under load: `livegate serve` as a process, its file swapped as Kubernetes
//! swaps a `ConfigMap`, in front of the simulator.

#[path = "harness/admin.rs"]
mod admin;
#[path = "reload/process.rs"]
mod process;

use std::time::Duration;

use livegate_client::v1::{CreateSessionRequest, CreateSessionResponse};
use livegate_client::{Client, ClientError, ClientResponse, Code};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use process::{ConfigMap, Process};

/// What came of one call.
type Call = Result<ClientResponse<CreateSessionResponse>, ClientError>;

const SLOW: &str = "[quota.create]\nrate_per_second = 1.0\nburst = 1\nmax_wait = \"60s\"\n";
const FAST: &str = "[quota.create]\nrate_per_second = 40.0\nburst = 1\nmax_wait = \"60s\"\n";

#[tokio::test]
async fn a_reload_under_load_loses_nobody_and_brings_no_second_burst() {
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    let mut calls = crowd(&service, 40).await;
    map.swap(FAST);
    service.logs("configuration loaded again").await;
    let begun = Instant::now();
    let mut issued = 1;
    while let Some(call) = calls.join_next().await {
        call.expect("no panic")
            .expect("a session for everyone who waited");
        issued += 1;
    }
    let took = begun.elapsed();
    assert_eq!(issued, 40);
    assert!(
        took < Duration::from_secs(15),
        "39 calls at 40 a second, not at one: {took:?}"
    );
    assert!(took > Duration::from_millis(700), "and no burst: {took:?}");
    let stats = service.simulator.stats();
    assert_eq!((stats.sessions_made, stats.create.throttled), (40, 0));
}

#[tokio::test]
async fn a_broken_file_is_refused_with_every_mistake_and_the_old_one_stays() {
    let map = ConfigMap::holding(FAST);
    let service = Process::serve(&map).await;
    map.swap("[quota.create]\nrate_per_second = -1.0\nbrust = 3\n");
    let refused = service.logs("configuration refused").await;
    assert!(refused.contains("rate_per_second"), "{refused}");
    let refused = service.logs("configuration refused").await;
    assert!(
        refused.contains("brust") && refused.contains("burst"),
        "{refused}"
    );
    let client = Client::new(&service.endpoint(), Duration::from_secs(5)).expect("a URL");
    client
        .create(CreateSessionRequest::default())
        .await
        .expect("it serves on");
}

#[tokio::test]
async fn other_rules_count_from_the_next_call_on_and_lose_nobody_who_waits() {
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    let mut calls = crowd(&service, 20).await;
    let rules = "[callers.default]\nrequire_profile = true\n\
        [profiles.kyc]\ns3_bucket = \"kyc-images\"\n";
    map.swap(&format!("{FAST}{rules}"));
    let applied = service.logs("configuration loaded again").await;
    for key in ["callers.default.require_profile", "profiles.kyc.s3_bucket"] {
        assert!(applied.contains(key), "{applied}");
    }
    while let Some(call) = calls.join_next().await {
        call.expect("no panic")
            .expect("a session for everyone who came before");
    }
    let client = Client::new(&service.endpoint(), Duration::from_secs(5)).expect("a URL");
    let told = client.create(CreateSessionRequest::default()).await;
    let told = told.expect_err("nobody may send settings any more");
    assert_eq!(
        (told.code, &*told.reason),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    let request = CreateSessionRequest {
        profile: "kyc".to_owned(),
        ..CreateSessionRequest::default()
    };
    client
        .create(request)
        .await
        .expect("a session of a profile");
    assert_eq!(service.simulator.stats().sessions_made, 21);
}

#[tokio::test]
async fn a_caller_that_a_reload_names_is_counted_by_its_name_from_then_on() {
    let base = "[auth]\nmode = \"trusted-header\"\n[quota.create]\nrate_per_second = 1000.0\n";
    let map = ConfigMap::holding(base);
    let service = Process::serve(&map).await;
    let client = Client::new(&service.endpoint(), Duration::from_secs(5)).expect("a URL");
    let create = async |name: &str| {
        let client = client.as_caller(name);
        let created = client.create(CreateSessionRequest::default()).await;
        created.expect("a session");
    };
    for number in 0..32 {
        create(&format!("c{number}")).await;
    }
    create("payments").await;
    let payments = "livegate_caller_attempts_total{operation=\"create\",caller=\"payments\"} ";
    assert!(!service.metrics().await.contains(payments), "no room");
    map.swap(&format!("{base}[callers.payments]\nweight = 2\n"));
    service.logs("configuration loaded again").await;
    create("payments").await;
    let metrics = service.metrics().await;
    assert!(metrics.contains(&format!("{payments}1\n")), "{metrics}");
    map.swap(base);
    service.logs("configuration loaded again").await;
    assert!(!service.metrics().await.contains(payments), "it is gone");
}

#[tokio::test]
async fn sighup_loads_again_and_names_what_needs_a_restart() {
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    map.swap("[grpc]\ndefault_deadline = \"1s\"\n[quota.create]\nburst = 3\n");
    service.hang_up();
    let applied = service.logs("configuration loaded again").await;
    assert!(applied.contains("quota.create.burst"), "{applied}");
    let pending = service.logs("need a restart").await;
    assert!(pending.contains("grpc.default_deadline"), "{pending}");
    assert!(!pending.contains("quota"), "{pending}");
}

#[tokio::test]
async fn sigterm_ends_the_process_within_its_time_whatever_its_clients_do() {
    let map = ConfigMap::holding("[shutdown]\nlameduck = \"200ms\"\ngrace = \"1s\"\n");
    let mut service = Process::serve(&map).await;
    // A peer that opens a connection and never says a word.
    let idle = tokio::net::TcpStream::connect(service.address())
        .await
        .expect("a connection");
    let begun = Instant::now();
    service.terminate();
    let ended = timeout(Duration::from_secs(10), service.ended())
        .await
        .expect("it ends");
    assert!(ended.success(), "{ended}");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    drop(idle);
}

#[tokio::test]
async fn whoever_still_waits_as_the_process_leaves_is_told_so() {
    let shutdown = "[shutdown]\nlameduck = \"100ms\"\ngrace = \"1s\"\n";
    let map = ConfigMap::holding(&format!("{shutdown}{SLOW}"));
    let mut service = Process::serve(&map).await;
    let mut calls = crowd(&service, 20).await;
    service.terminate();
    let mut told = 0;
    while let Some(call) = calls.join_next().await {
        if let Err(failure) = call.expect("no panic") {
            assert_eq!(
                (failure.code, &*failure.reason),
                (Code::Unavailable, "SHUTTING_DOWN")
            );
            told += 1;
        }
    }
    assert!(told >= 15, "{told} were told");
    timeout(Duration::from_secs(10), service.ended())
        .await
        .expect("it ends");
}

/// Calls at once, of which one has been served: so all others stand in the line.
async fn crowd(service: &Process, count: usize) -> JoinSet<Call> {
    let client = Client::new(&service.endpoint(), Duration::from_secs(60)).expect("a URL");
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move { client.create(CreateSessionRequest::default()).await });
    }
    let first = calls.join_next().await.expect("a call");
    first.expect("no panic").expect("a session");
    calls
}
