//! Shared admission while the store is down, hangs, rejects writes, or is unreachable
//! from some replicas.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::proxy::Proxy;
use super::{SECOND, quota};
use crate::admission::{
    Admission, AdmissionSettings, ArrivalKind, AttemptOutcome, QueueSettings, QuotaSettings,
};
use crate::model::CallerId;
use crate::model::Deadline;
use crate::store::test_server::{self, RedisServer};
use crate::store::{Store, StoreMetrics};

pub(super) fn settings(rate: f64) -> AdmissionSettings {
    AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: rate,
            burst: NonZeroU32::new(5).expect("not zero"),
            target_utilization: 1.0,
            max_wait: 10 * SECOND,
        },
        callers: QueueSettings::default(),
        adaptive: true,
        check_limit: None,
    }
}

pub(super) async fn wait_for_degraded(admission: &Admission, degraded: bool) {
    let changed = async {
        while admission
            .state()
            .is_none_or(|state| state.degraded != degraded)
        {
            sleep(SECOND / 100).await;
        }
    };
    let changed = timeout(5 * SECOND, changed).await;
    changed.unwrap_or_else(|_| panic!("degraded was not {degraded} within 5 s"));
}

/// Returns how many permits one caller gets within `span`.
pub(super) async fn permits(admission: &Admission, span: Duration) -> u32 {
    let (caller, end) = (CallerId::anonymous(), Instant::now() + span);
    let mut count = 0;
    while Instant::now() < end {
        let deadline = Deadline::after(Instant::now(), 10 * SECOND);
        if let Ok(permit) = admission.admit(&caller, ArrivalKind::New, deadline).await {
            permit.finish(AttemptOutcome::Answered);
            count += 1;
        }
    }
    count
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn an_isolated_replica_uses_its_share_and_recovers_without_a_burst() {
    let mut server = RedisServer::start().await;
    let port = server.port();
    let replicas = [
        Admission::open_shared(settings(20.0), quota(&server).await),
        Admission::open_shared(settings(20.0), quota(&server).await),
    ];
    for replica in &replicas {
        wait_for_degraded(replica, false).await;
    }
    sleep(SECOND).await;
    let shared = permits(&replicas[0], 2 * SECOND).await;
    server.kill();
    wait_for_degraded(&replicas[0], true).await;
    let isolated = permits(&replicas[0], 2 * SECOND).await;
    let server = RedisServer::start_at(port, &[]).await;
    for replica in &replicas {
        wait_for_degraded(replica, false).await;
    }
    let recovered = permits(&replicas[0], SECOND).await;
    println!(
        "in 2 s: shared {shared} of 40, isolated {isolated} of 20; in 1 s: recovered {recovered} of 20"
    );
    assert!((38..=48).contains(&shared), "{shared}");
    assert!((16..=23).contains(&isolated), "{isolated}");
    assert!((14..=22).contains(&recovered), "{recovered}");
    drop(server);
}

/// Returns how often the server has run `command`, also within scripts.
pub(super) async fn calls_of(server: &RedisServer, command: &str) -> u64 {
    let statistics = server.command(&["INFO", "commandstats"]).await;
    let prefix = format!("cmdstat_{command}:calls=");
    let mut lines = statistics.lines();
    let calls = lines.find_map(|line| line.strip_prefix(&prefix));
    let (calls, _) = calls
        .and_then(|rest| rest.split_once(','))
        .expect("a count");
    calls.parse().expect("a number")
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_wrong_type_or_a_full_store_degrades_until_it_is_fixed() {
    let server = RedisServer::start().await;
    let admission = Admission::open_shared(settings(20.0), quota(&server).await);
    wait_for_degraded(&admission, false).await;
    let key = "test:quota:1:{us-east-1:create}";
    server.command(&["SET", key, "nonsense"]).await;
    wait_for_degraded(&admission, true).await;
    let before = calls_of(&server, "evalsha").await;
    assert!(
        permits(&admission, 2 * SECOND).await > 0,
        "permits are granted while isolated"
    );
    let calls = calls_of(&server, "evalsha").await - before;
    assert!(calls <= 25, "{calls} calls in 2 s, at most every 100 ms");
    server.command(&["DEL", key]).await;
    wait_for_degraded(&admission, false).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    wait_for_degraded(&admission, true).await;
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    wait_for_degraded(&admission, false).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    assert!((15..=25).contains(&permits(&admission, SECOND).await));
    let state = admission.state().expect("it is open");
    assert!(!state.degraded, "a flushed script is loaded again");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_store_that_hangs_degrades_until_it_replies() {
    let server = RedisServer::start().await;
    let admission = Admission::open_shared(settings(20.0), quota(&server).await);
    wait_for_degraded(&admission, false).await;
    server.command(&["CLIENT", "PAUSE", "3000", "ALL"]).await;
    let start = Instant::now();
    wait_for_degraded(&admission, true).await;
    assert!(
        start.elapsed() < 2 * SECOND,
        "within a heartbeat and two timeouts"
    );
    assert!(
        permits(&admission, SECOND).await > 0,
        "permits are granted while isolated"
    );
    wait_for_degraded(&admission, false).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_replica_cut_off_from_the_store_adds_only_its_share() {
    let server = RedisServer::start().await;
    let proxy = Proxy::before(server.port()).await;
    let mut cut_off = quota(&server).await;
    cut_off.store = Store::open(&test_server::settings(proxy.port), &StoreMetrics::default())
        .expect("it has a URL");
    let replicas = [
        Admission::open_shared(settings(20.0), quota(&server).await),
        Admission::open_shared(settings(20.0), cut_off),
    ];
    for replica in &replicas {
        wait_for_degraded(replica, false).await;
    }
    sleep(SECOND).await;
    proxy.open.send_replace(false);
    wait_for_degraded(&replicas[1], true).await;
    let (connected, isolated) = tokio::join!(
        permits(&replicas[0], 3 * SECOND),
        permits(&replicas[1], 3 * SECOND)
    );
    println!(
        "in 3 s: connected {connected} of 60, isolated {isolated} of 30: 1/2 of the rate is added"
    );
    assert!((55..=68).contains(&connected) && (26..=33).contains(&isolated));
    proxy.open.send_replace(true);
    wait_for_degraded(&replicas[1], false).await;
    let (a, b) = tokio::join!(
        permits(&replicas[0], 3 * SECOND),
        permits(&replicas[1], 3 * SECOND)
    );
    assert!((54..=63).contains(&(a + b)), "shared again: {a} and {b}");
}
