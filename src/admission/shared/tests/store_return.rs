//! The shared bucket when the replicas return to the store one after another.

use tokio::time::{Instant, sleep};

use super::{SECOND, is_granted_after, quota, request, reserve, reserve_until, send};
use crate::store::test_server::RedisServer;

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_bucket_fills_at_the_shares_of_the_replicas_that_have_returned() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    let returning = async |replica| {
        let mut report = request(replica, 25.0, 0);
        report.returns_from = Some(0.2);
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
