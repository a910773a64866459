//! Reservations of the shared quota, against a real redis-server.

mod golden;
mod high_rate;
mod isolation;
#[path = "../../../tests/harness/proxy.rs"]
mod proxy;
mod store_return;

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::reservation::{self, Isolation, ReservationOutcome, ReservationReply};
use super::{Demand, SharedQuota};
use crate::store::test_server::RedisServer;

const SECOND: Duration = Duration::from_secs(1);

async fn quota(server: &RedisServer) -> SharedQuota {
    SharedQuota {
        store: server.store().await,
        name: "us-east-1:create".to_owned(),
        max_replicas: NonZeroU32::new(10).expect("not zero"),
    }
}

/// A request of `replica`, without an exchange of callers.
struct Request {
    replica: String,
    demand: Demand,
    calls: i64,
    returns_from: Option<Isolation>,
}

fn request(replica: &str, rate: f64, calls: i64) -> Request {
    Request {
        replica: replica.to_owned(),
        demand: Demand {
            rate,
            burst: 5,
            max_wait: Duration::from_secs(10),
            weight: 1.0,
            ..Demand::default()
        },
        calls,
        returns_from: None,
    }
}

async fn send(quota: &SharedQuota, request: Request) -> ReservationReply {
    let Request {
        replica,
        demand,
        calls,
        returns_from,
    } = request;
    let reply = reservation::reserve(quota, &replica, &demand, calls, returns_from).await;
    reply.expect("the store replies")
}

async fn reserve(quota: &SharedQuota, request: Request) -> ReservationOutcome {
    send(quota, request).await.outcome
}

fn is_granted_after(outcome: ReservationOutcome, millis: u64) -> bool {
    match outcome {
        ReservationOutcome::GrantedAfter(wait) => {
            wait.abs_diff(Duration::from_millis(millis)) < SECOND / 40
        }
        ReservationOutcome::RetryAfter(_) | ReservationOutcome::Recorded => false,
    }
}

/// Reserves tokens one after another until `end`, and returns how many.
async fn reserve_until(
    quota: SharedQuota,
    name: String,
    rate: f64,
    weight: f64,
    end: Instant,
) -> u32 {
    let mut admitted = 0;
    loop {
        let mut single = request(&name, rate, 1);
        single.demand.weight = weight;
        let outcome = reserve(&quota, single).await;
        let (ReservationOutcome::GrantedAfter(wait) | ReservationOutcome::RetryAfter(wait)) =
            outcome
        else {
            panic!("a call was requested");
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
        let client = reserve_until(quota, format!("client-{number}"), rate, *weight, end);
        clients.spawn(async move { (number, client.await) });
    }
    let mut admitted = clients.join_all().await;
    admitted.sort_unstable();
    admitted.into_iter().map(|(_, count)| count).collect()
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn one_hot_key_admits_the_allowed_rate_with_any_number_of_clients() {
    for clients in [3, 16, 64] {
        let (rate, span) = (200.0, 3 * SECOND);
        let admitted: u32 = admitted_by(&vec![1.0; clients], rate, span)
            .await
            .iter()
            .sum();
        let ratio = f64::from(admitted) / (rate * span.as_secs_f64());
        println!("{clients} clients: admitted / allowed = {ratio:.3}");
        // The bucket starts to fill with the first call, slightly after the span starts.
        assert!(ratio <= 1.01 && ratio > 0.95, "{clients} clients: {ratio}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn replicas_take_turns_by_weight_and_no_token_is_lost() {
    let admitted = admitted_by(&[8.0, 1.0, 1.0], 50.0, 6 * SECOND).await;
    let sum: u32 = admitted.iter().sum();
    println!("8 : 1 : 1 -> {admitted:?} of 300");
    assert!((280..=303).contains(&sum), "{admitted:?}");
    let share = f64::from(admitted[0]) / f64::from(sum);
    assert!((share - 0.8).abs() < 0.03, "{admitted:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn replicas_take_turns_until_tokens_for_50_ms_have_accumulated() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    let request = |replica, weight| {
        let mut request = request(replica, 500.0, 1);
        (request.demand.burst, request.demand.weight) = (100, weight);
        request
    };
    let mut levels_out_of_turn = Vec::new();
    for _ in 0..50 {
        reserve(&quota, request("heavy", 1000.0)).await;
        sleep(SECOND / 100).await;
        let reply = send(&quota, request("light", 1.0)).await;
        if matches!(reply.outcome, ReservationOutcome::RetryAfter(_)) {
            levels_out_of_turn.push(reply.state.level);
        }
    }
    let highest = levels_out_of_turn.into_iter().fold(0.0, f64::max);
    assert!(highest > 3.0 && highest < 25.0, "{highest}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_missing_key_is_an_empty_bucket_and_a_refusal_spends_nothing() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    for round in 0..2 {
        assert!(
            is_granted_after(reserve(&quota, request("a", 10.0, 1)).await, 100),
            "round {round}"
        );
        server
            .command(&["DEL", "test:quota:1:{us-east-1:create}"])
            .await;
    }
    let mut large = request("a", 10.0, 3);
    large.demand.max_wait = Duration::from_millis(150);
    assert!(matches!(
        reserve(&quota, large).await,
        ReservationOutcome::RetryAfter(_)
    ));
    assert!(
        is_granted_after(reserve(&quota, request("a", 10.0, 3)).await, 300),
        "the refusal spent nothing"
    );
    assert_eq!(
        reserve(&quota, request("a", 10.0, -3)).await,
        ReservationOutcome::Recorded
    );
    assert!(
        is_granted_after(reserve(&quota, request("a", 10.0, 1)).await, 100),
        "the tokens were refunded"
    );
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_clock_set_back_neither_stops_reservations_nor_causes_a_burst() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    assert!(is_granted_after(
        reserve(&quota, request("a", 10.0, 1)).await,
        100
    ));
    let key = "test:quota:1:{us-east-1:create}";
    let ahead = "99999999999999999";
    let replica = format!("{ahead}:{ahead}:{ahead}:1000");
    let set = ["HSET", key, "t", ahead, "r:a", &replica, "r:b", &replica];
    server.command(&set).await;
    let end = Instant::now() + 2 * SECOND;
    let [a, b] =
        ["a", "b"].map(|name| reserve_until(quota.clone(), name.to_owned(), 10.0, 1.0, end));
    let (a, b) = tokio::join!(a, b);
    assert!(
        (15..=20).contains(&(a + b)) && a.abs_diff(b) < 4,
        "{a} and {b}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_replicas_cut_the_factor_once_in_an_epoch() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    for factor in [0.95, 0.9025] {
        reservation::cut_factor(&quota, factor)
            .await
            .expect("the store replies");
    }
    let factor = send(&quota, request("a", 10.0, 0)).await.state.factor;
    assert!(factor.is_some_and(|(factor, age)| (factor - 0.95).abs() < 1e-9 && age < SECOND));
    sleep(SECOND / 2).await;
    reservation::cut_factor(&quota, 0.9)
        .await
        .expect("the store replies");
    let state = send(&quota, request("b", 10.0, 0)).await.state;
    assert!(
        state
            .factor
            .is_some_and(|(factor, _)| (factor - 0.9).abs() < 1e-9)
    );
    assert_eq!(state.replicas, 2);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_failover_loses_unreplicated_reservations_and_causes_no_burst() {
    let mut primary = RedisServer::start().await;
    let replica = primary.replica().await;
    let at_primary = quota(&primary).await;
    for _ in 0..3 {
        reserve(&at_primary, request("a", 10.0, 1)).await;
    }
    // Replication is asynchronous, so some of the three reservations may be lost.
    primary.kill();
    replica.command(&["REPLICAOF", "NO", "ONE"]).await;
    let at_replica = quota(&replica).await;
    let ReservationOutcome::GrantedAfter(wait) = reserve(&at_replica, request("b", 10.0, 1)).await
    else {
        panic!("no token was reserved");
    };
    println!(
        "the next token is available after {} ms, of 400",
        wait.as_millis()
    );
    assert!(wait > Duration::from_millis(95), "no burst");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_factor_grows_with_the_use_of_the_quota_also_after_a_clock_was_set_back() {
    let server = RedisServer::start().await;
    let quota = quota(&server).await;
    let cut = reservation::cut_factor(&quota, 0.5).await;
    cut.expect("the store replies");
    let key = "test:quota:1:{us-east-1:create}";
    let ahead = "99999999999999999";
    let set = ["HSET", key, "t", ahead, "F", ahead, "U", ahead];
    server.command(&set).await;
    let in_use = async |calls| {
        let (factor, in_use) = send(&quota, request("a", 10.0, calls)).await.state.factor?;
        assert!((factor - 0.5).abs() < 1e-9);
        Some(in_use)
    };
    assert_eq!(in_use(0).await, Some(Duration::ZERO), "no call was made");
    in_use(1).await;
    let waited = in_use(1).await.expect("it was cut");
    assert!(
        waited.abs_diff(SECOND * 3 / 10) < SECOND / 40,
        "a third call would wait for 300 ms: {waited:?}"
    );
    sleep(SECOND / 2).await;
    assert_eq!(in_use(0).await, Some(waited), "tokens are available");
}
