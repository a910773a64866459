//! The shared bucket when the replicas return to the store one after another.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::isolation::{permits, settings, wait_for_degraded};
use super::{
    Isolation, SECOND, SharedQuota, is_granted_after, quota, request, reservation, reserve,
    reserve_until, send,
};
use crate::admission::Admission;
use crate::store::test_server::RedisServer;

/// The isolation of one of `replicas` replicas, which had no reply for `silent`.
pub(super) fn isolation(replicas: u32, silent: Duration) -> Isolation {
    Isolation { replicas, silent }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_bucket_fills_at_the_shares_of_the_replicas_that_have_returned() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    let returning = async |replica| {
        let mut report = request(replica, 25.0, 0);
        report.returns_from = Some(isolation(5, SECOND / 2));
        send(&quota, report).await.state.replicas
    };
    assert_eq!(returning("a").await, 5, "the others are expected");
    let first = reserve(&quota, request("a", 25.0, 1)).await;
    assert!(is_granted_after(first, 200), "5 calls a second: {first:?}");
    for replica in ["b", "c", "d"] {
        returning(replica).await;
    }
    // The fifth replica returns 2 s later, and uses its share until then.
    let end = Instant::now() + 2 * SECOND;
    let admitted = reserve_until(quota.clone(), "a".to_owned(), 25.0, 1.0, end).await;
    println!("in 2 s, four of five replicas: {admitted} of 40");
    assert!((36..=40).contains(&admitted), "{admitted}");
    returning("e").await;
    let end = Instant::now() + SECOND;
    let admitted = reserve_until(quota.clone(), "a".to_owned(), 25.0, 1.0, end).await;
    println!("in 1 s, five of five replicas: {admitted} of 25");
    assert!((22..=25).contains(&admitted), "{admitted}");
    sleep(2 * SECOND).await;
    reserve(&quota, request("b", 25.0, 0)).await;
    returning("a").await;
    let alone = reserve(&quota, request("a", 25.0, 1)).await;
    assert!(
        is_granted_after(alone, 40),
        "the others were not isolated: {alone:?}"
    );
}

/// Reports replica `a`, which returns after half a second as one of `replicas`. Returns the
/// percentage of the rate that it leaves to others.
async fn away_after_return(quota: &SharedQuota, replicas: u32) -> f64 {
    let mut report = request("a", 25.0, 0);
    report.returns_from = Some(isolation(replicas, SECOND / 2));
    (send(quota, report).await.state.away * 100.0).round()
}

async fn away(quota: &SharedQuota) -> f64 {
    let state = send(quota, request("a", 25.0, 0)).await.state;
    (state.away * 100.0).round()
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_replica_that_has_left_or_was_silent_before_the_outage_is_not_waited_for() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    for replica in ["a", "b", "crashed"] {
        reserve(&quota, request(replica, 25.0, 0)).await;
    }
    sleep(2 * SECOND).await;
    for replica in ["b", "left"] {
        reserve(&quota, request(replica, 25.0, 0)).await;
    }
    let left = reservation::leave(&quota, "left").await;
    left.expect("the store replies");
    sleep(SECOND * 7 / 10).await;
    assert_eq!(away_after_return(&quota, 4).await, 50.0, "b is waited for");
    let again = away_after_return(&quota, 4).await;
    assert_eq!(again, 50.0, "b is waited for if a returns once more");
    let first = reserve(&quota, request("a", 25.0, 1)).await;
    assert!(is_granted_after(first, 80), "half the rate: {first:?}");
    let left = reservation::leave(&quota, "b").await;
    left.expect("the store replies");
    assert_eq!(away(&quota).await, 0.0, "b leaves instead of returning");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_store_that_was_emptied_waits_for_as_many_replicas_as_were_there() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    assert_eq!(away_after_return(&quota, 2).await, 50.0);
    assert_eq!(away_after_return(&quota, 2).await, 50.0, "once more");
    let mut b = request("b", 25.0, 0);
    b.returns_from = Some(isolation(2, SECOND));
    send(&quota, b).await;
    let left = reservation::leave(&quota, "b").await;
    left.expect("the store replies");
    assert_eq!(away(&quota).await, 0.0, "all had returned");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_short_stall_after_a_replica_has_left_costs_no_rate() {
    let server = RedisServer::start().await;
    let remaining = Admission::open_shared(settings(20.0), quota(&server).await);
    let leaving = Admission::open_shared(settings(20.0), quota(&server).await);
    for replica in [&remaining, &leaving] {
        wait_for_degraded(replica, false).await;
    }
    sleep(SECOND).await;
    let both = remaining.state().expect("it is open");
    leaving.leave().await;
    server.command(&["CLIENT", "PAUSE", "800", "ALL"]).await;
    tokio::join!(
        permits(&remaining, SECOND / 2),
        wait_for_degraded(&remaining, true)
    );
    wait_for_degraded(&remaining, false).await;
    let (permits, state) = (permits(&remaining, 2 * SECOND).await, remaining.state());
    let state = state.expect("it is open");
    println!("in 2 s after the stall: {permits} of 40");
    assert_eq!((both.replicas, state.replicas), (2, 1));
    assert!((36..=46).contains(&permits), "{permits}");
    assert!((state.rate_per_second - 20.0).abs() < 1e-9, "{state:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_rate_is_the_one_in_effect_while_a_replica_has_not_returned() {
    let server = RedisServer::start().await;
    let remaining = Admission::open_shared(settings(20.0), quota(&server).await);
    wait_for_degraded(&remaining, false).await;
    // It ends without leaving the quota.
    reserve(&quota(&server).await, request("killed", 20.0, 0)).await;
    sleep(SECOND * 6 / 10).await;
    server.command(&["CLIENT", "PAUSE", "2000", "ALL"]).await;
    wait_for_degraded(&remaining, true).await;
    wait_for_degraded(&remaining, false).await;
    let permits = permits(&remaining, 2 * SECOND).await;
    let state = remaining.state().expect("it is open");
    println!("in 2 s without the other: {permits} of 20");
    assert!((17..=22).contains(&permits), "{permits}");
    assert!((state.rate_per_second - 10.0).abs() < 0.01, "{state:?}");
}
