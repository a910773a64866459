//! The reservation and its reserver, against a real redis-server.

mod isolation;

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::SharedQuota;
use super::reservation::{self, ReservationOutcome, ReservationRequest};
use crate::store::test_server::RedisServer;

const SECOND: Duration = Duration::from_secs(1);

async fn quota(server: &RedisServer) -> SharedQuota {
    SharedQuota {
        store: server.store().await,
        name: "us-east-1:create".to_owned(),
        max_replicas: NonZeroU32::new(10).expect("not zero"),
    }
}

fn order(replica: &str, rate: f64, calls: i64) -> ReservationRequest<'_> {
    ReservationRequest {
        replica,
        rate,
        burst: 5,
        max_wait: Duration::from_secs(10),
        calls,
        weight: 1.0,
        report: "",
        drain: false,
    }
}

async fn ask(quota: &SharedQuota, order: ReservationRequest<'_>) -> ReservationOutcome {
    let answer = reservation::reserve(quota, order).await;
    answer.expect("the store answers").outcome
}

fn close_to(outcome: ReservationOutcome, millis: u64) -> bool {
    match outcome {
        ReservationOutcome::GrantedAfter(wait) => {
            wait.abs_diff(Duration::from_millis(millis)) < SECOND / 40
        }
        ReservationOutcome::RetryAfter(_) | ReservationOutcome::Recorded => false,
    }
}

/// Takes slots as quickly as it can; how many came until `end`.
async fn spend(quota: SharedQuota, name: String, rate: f64, weight: f64, end: Instant) -> u32 {
    let mut admitted = 0;
    loop {
        let mut asked = order(&name, rate, 1);
        asked.weight = weight;
        let outcome = ask(&quota, asked).await;
        let (ReservationOutcome::GrantedAfter(wait) | ReservationOutcome::RetryAfter(wait)) =
            outcome
        else {
            panic!("a call was asked for");
        };
        if Instant::now() + wait > end {
            return admitted;
        }
        admitted += u32::from(matches!(outcome, ReservationOutcome::GrantedAfter(_)));
        sleep(wait).await;
    }
}

async fn admitted_by(weights: &[f64], rate: f64, span: Duration) -> Vec<u32> {
    let server = RedisServer::start().await;
    let end = Instant::now() + span;
    let mut clients = JoinSet::new();
    for (number, weight) in weights.iter().enumerate() {
        let quota = quota(&server).await;
        let client = spend(quota, format!("client-{number}"), rate, *weight, end);
        clients.spawn(async move { (number, client.await) });
    }
    let mut admitted = clients.join_all().await;
    admitted.sort_unstable();
    admitted.into_iter().map(|(_, count)| count).collect()
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn one_hot_key_admits_what_is_allowed_whoever_many_ask() {
    for clients in [3, 16, 64] {
        let (rate, span) = (200.0, 3 * SECOND);
        let admitted: u32 = admitted_by(&vec![1.0; clients], rate, span)
            .await
            .iter()
            .sum();
        let ratio = f64::from(admitted) / (rate * span.as_secs_f64());
        println!("{clients} clients: admitted / allowed = {ratio:.3}");
        // The store's clock starts with the first call, the last slots end with it.
        assert!(ratio <= 1.01 && ratio > 0.95, "{clients} clients: {ratio}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn replicas_take_turns_by_weight_and_none_is_lost() {
    let admitted = admitted_by(&[8.0, 1.0, 1.0], 50.0, 6 * SECOND).await;
    let sum: u32 = admitted.iter().sum();
    println!("8 : 1 : 1 -> {admitted:?} of 300");
    assert!((280..=303).contains(&sum), "{admitted:?}");
    let share = f64::from(admitted[0]) / f64::from(sum);
    assert!((share - 0.8).abs() < 0.03, "{admitted:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_missing_key_is_an_empty_bucket_and_a_refusal_spends_nothing() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    for round in 0..2 {
        assert!(
            close_to(ask(&quota, order("a", 10.0, 1)).await, 100),
            "round {round}"
        );
        server
            .command(&["DEL", "test:quota:{us-east-1:create}"])
            .await;
    }
    let mut impatient = order("a", 10.0, 3);
    impatient.max_wait = Duration::from_millis(150);
    assert!(matches!(
        ask(&quota, impatient).await,
        ReservationOutcome::RetryAfter(_)
    ));
    assert!(
        close_to(ask(&quota, order("a", 10.0, 3)).await, 300),
        "nothing was spent"
    );
    assert_eq!(
        ask(&quota, order("a", 10.0, -3)).await,
        ReservationOutcome::Recorded
    );
    assert!(
        close_to(ask(&quota, order("a", 10.0, 1)).await, 100),
        "it was refunded"
    );
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_clock_set_back_neither_stops_the_slots_nor_makes_a_burst() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    assert!(close_to(ask(&quota, order("a", 10.0, 1)).await, 100));
    let key = "test:quota:{us-east-1:create}";
    let ahead = "99999999999999999";
    let replica = format!("{ahead}:{ahead}:{ahead}:1000");
    let set = ["HSET", key, "t", ahead, "r:a", &replica, "r:b", &replica];
    server.command(&set).await;
    let end = Instant::now() + 2 * SECOND;
    let [a, b] = ["a", "b"].map(|name| spend(quota.clone(), name.to_owned(), 10.0, 1.0, end));
    let (a, b) = tokio::join!(a, b);
    assert!(
        (15..=20).contains(&(a + b)) && a.abs_diff(b) < 4,
        "{a} and {b}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_factor_is_cut_once_in_an_epoch_whoever_cuts() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    for factor in [0.95, 0.9025] {
        reservation::cut_factor(&quota, factor)
            .await
            .expect("it answers");
    }
    let answer = reservation::reserve(&quota, order("a", 10.0, 0)).await;
    let factor = answer.expect("it answers").state.factor;
    assert!(factor.is_some_and(|(factor, age)| (factor - 0.95).abs() < 1e-9 && age < SECOND));
    sleep(SECOND / 2).await;
    reservation::cut_factor(&quota, 0.9)
        .await
        .expect("it answers");
    let answer = reservation::reserve(&quota, order("b", 10.0, 0)).await;
    let state = answer.expect("it answers").state;
    assert!(
        state
            .factor
            .is_some_and(|(factor, _)| (factor - 0.9).abs() < 1e-9)
    );
    assert_eq!(state.replicas, 2);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_failover_loses_what_was_not_replicated_and_is_no_burst() {
    let mut primary = RedisServer::start().await;
    let copy = primary.replica().await;
    let at_primary = quota(&primary).await;
    for _ in 0..3 {
        ask(&at_primary, order("a", 10.0, 1)).await;
    }
    // Replication is asynchronous: some of the three may be lost.
    primary.kill();
    copy.command(&["REPLICAOF", "NO", "ONE"]).await;
    let at_copy = quota(&copy).await;
    let ReservationOutcome::GrantedAfter(wait) = ask(&at_copy, order("b", 10.0, 1)).await else {
        panic!("a slot");
    };
    println!("the next slot comes after {} ms, of 400", wait.as_millis());
    assert!(wait > Duration::from_millis(95), "never a burst");
}
