//! Reload under load: `livegate serve` as a process in front of the simulator. The
//! configuration file is replaced as Kubernetes replaces a `ConfigMap`.

#[path = "harness/admin.rs"]
mod admin;
#[path = "reload/config_state.rs"]
mod config_state;
#[path = "reload/files.rs"]
mod files;
#[path = "reload/process.rs"]
mod process;

use std::time::Duration;

use livegate_client::v1::{CreateSessionRequest, CreateSessionResponse};
use livegate_client::{Client, ClientError, ClientResponse, Code};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use process::{ConfigMap, Process};

/// The result of one call.
type Call = Result<ClientResponse<CreateSessionResponse>, ClientError>;

const SLOW: &str = "[quota.create]\nrate_per_second = 1.0\nburst = 1\nmax_wait = \"60s\"\n";
const FAST: &str = "[quota.create]\nrate_per_second = 40.0\nburst = 1\nmax_wait = \"60s\"\n";

#[tokio::test]
async fn a_reload_under_load_loses_no_request_and_adds_no_burst() {
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    let mut calls = concurrent_calls(&service, 40).await;
    map.swap(FAST);
    service.logs("configuration reloaded").await;
    let begun = Instant::now();
    let mut issued = 1;
    while let Some(call) = calls.join_next().await {
        call.expect("no panic")
            .expect("a session for each request that waited");
        issued += 1;
    }
    let took = begun.elapsed();
    assert_eq!(issued, 40);
    assert!(
        took < Duration::from_secs(15),
        "39 calls at 40 per second, not at 1: {took:?}"
    );
    assert!(
        took > Duration::from_millis(700),
        "no second burst: {took:?}"
    );
    let stats = service.simulator.stats();
    assert_eq!((stats.sessions_made, stats.create.throttled), (40, 0));
}

#[tokio::test]
async fn an_invalid_file_is_rejected_with_every_error_and_the_old_one_stays_in_use() {
    let map = ConfigMap::holding(FAST);
    let service = Process::serve(&map).await;
    map.swap("[quota.create]\nrate_per_second = -1.0\nbrust = 3\n");
    let refused = service.logs("configuration rejected").await;
    assert!(refused.contains("rate_per_second"), "{refused}");
    let refused = service.logs("configuration rejected").await;
    assert!(
        refused.contains("brust") && refused.contains("burst"),
        "{refused}"
    );
    let client = Client::new(&service.endpoint(), Duration::from_secs(5)).expect("a URL");
    client
        .create(CreateSessionRequest::default())
        .await
        .expect("it still serves");
}

#[tokio::test]
async fn a_new_policy_applies_to_new_calls_and_loses_no_request_that_waits() {
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    let mut calls = concurrent_calls(&service, 20).await;
    let rules = "[callers.default]\nrequire_profile = true\n\
        [profiles.kyc]\ns3_bucket = \"kyc-images\"\n";
    map.swap(&format!("{FAST}{rules}"));
    let applied = service.logs("configuration reloaded").await;
    for key in ["callers.default.require_profile", "profiles.kyc.s3_bucket"] {
        assert!(applied.contains(key), "{applied}");
    }
    while let Some(call) = calls.join_next().await {
        call.expect("no panic")
            .expect("a session for each earlier request");
    }
    let client = Client::new(&service.endpoint(), Duration::from_secs(5)).expect("a URL");
    let error = client.create(CreateSessionRequest::default()).await;
    let error = error.expect_err("a profile is required");
    assert_eq!(
        (error.code, &*error.reason),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    let request = CreateSessionRequest {
        profile: "kyc".to_owned(),
        ..CreateSessionRequest::default()
    };
    client
        .create(request)
        .await
        .expect("a session with the profile");
    assert_eq!(service.simulator.stats().sessions_made, 21);
}

#[tokio::test]
async fn a_caller_that_a_reload_adds_is_counted_by_its_name() {
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
    assert!(
        !service.metrics().await.contains(payments),
        "32 other callers have the series"
    );
    map.swap(&format!("{base}[callers.payments]\nweight = 2\n"));
    service.logs("configuration reloaded").await;
    create("payments").await;
    let metrics = service.metrics().await;
    assert!(metrics.contains(&format!("{payments}1\n")), "{metrics}");
    map.swap(base);
    service.logs("configuration reloaded").await;
    assert!(
        !service.metrics().await.contains(payments),
        "the series is removed"
    );
}

#[tokio::test]
async fn a_limit_in_shadow_mode_counts_its_refusals_until_a_reload_enforces_it() {
    let enforced = "[auth]\nmode = \"trusted-header\"\n[quota.create]\nrate_per_second = 1000.0\n\
        [callers.payments]\nmax_rate_per_second = 0.01\n";
    let map = ConfigMap::holding(&format!("{enforced}max_rate_mode = \"shadow\"\n"));
    let service = Process::serve(&map).await;
    let client = Client::new(&service.endpoint(), Duration::from_secs(5)).expect("a URL");
    let payments = client.as_caller("payments");
    for _ in 0..3 {
        let created = payments.create(CreateSessionRequest::default()).await;
        created.expect("the limit refuses nothing");
    }
    let refusals =
        "livegate_admission_shadow_refusals_total{operation=\"create\",caller=\"payments\"}";
    let metrics = service.metrics().await;
    assert!(metrics.contains(&format!("{refusals} 2\n")), "{metrics}");
    map.swap(enforced);
    let applied = service.logs("configuration reloaded").await;
    assert!(
        applied.contains("callers.payments.max_rate_mode"),
        "{applied}"
    );
    let first = payments.create(CreateSessionRequest::default()).await;
    first.expect("the limit starts with one call");
    let error = payments.create(CreateSessionRequest::default()).await;
    let error = error.expect_err("the limit is enforced");
    assert_eq!(
        (error.code, &*error.reason),
        (Code::ResourceExhausted, "CALLER_QUOTA_EXHAUSTED")
    );
    assert!(!service.metrics().await.contains(refusals));
}

#[tokio::test]
async fn sighup_reloads_and_logs_the_keys_that_need_a_restart() {
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    map.swap("[grpc]\ndefault_deadline = \"1s\"\n[quota.create]\nburst = 3\n");
    service.hang_up();
    let applied = service.logs("configuration reloaded").await;
    assert!(applied.contains("quota.create.burst"), "{applied}");
    let pending = service.logs("need a restart").await;
    assert!(pending.contains("grpc.default_deadline"), "{pending}");
    assert!(!pending.contains("quota"), "{pending}");
}

#[tokio::test]
async fn sigterm_ends_the_process_in_time_although_a_peer_stays_connected() {
    let map = ConfigMap::holding("[shutdown]\nlameduck = \"200ms\"\ngrace = \"1s\"\n");
    let mut service = Process::serve(&map).await;
    // A peer that opens a connection and sends nothing.
    let idle = tokio::net::TcpStream::connect(service.address())
        .await
        .expect("a connection");
    let begun = Instant::now();
    service.terminate();
    let status = timeout(Duration::from_secs(10), service.ended())
        .await
        .expect("it exits");
    assert!(status.success(), "{status}");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    drop(idle);
}

#[tokio::test]
async fn requests_that_still_wait_at_shutdown_fail_with_shutting_down() {
    let shutdown = "[shutdown]\nlameduck = \"100ms\"\ngrace = \"1s\"\n";
    let map = ConfigMap::holding(&format!("{shutdown}{SLOW}"));
    let mut service = Process::serve(&map).await;
    let mut calls = concurrent_calls(&service, 20).await;
    service.terminate();
    let mut refused = 0;
    while let Some(call) = calls.join_next().await {
        if let Err(error) = call.expect("no panic") {
            assert_eq!(
                (error.code, &*error.reason),
                (Code::Unavailable, "SHUTTING_DOWN")
            );
            refused += 1;
        }
    }
    assert!(refused >= 15, "{refused} were refused");
    timeout(Duration::from_secs(10), service.ended())
        .await
        .expect("it exits");
}

/// Starts `count` calls at once and waits for the first session, so that all other
/// calls wait in the queue.
async fn concurrent_calls(service: &Process, count: usize) -> JoinSet<Call> {
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
