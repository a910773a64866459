//! The requests that callers send, and their outcomes.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use livegate_client::v1::CreateSessionRequest;
use livegate_client::{Client, Code};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

const DEADLINE: Duration = Duration::from_secs(5);
/// A failure that takes longer is slow.
const SLOW: Duration = Duration::from_secs(1);
const MAX_IN_FLIGHT: usize = 192;

/// The load of one caller on one replica: a steady rate, whatever the outcomes.
pub(crate) struct Load {
    pub(crate) endpoint: String,
    pub(crate) caller: String,
    pub(crate) per_second: f64,
}

/// The outcomes of one caller's requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    caller: String,
    pub(crate) sent: usize,
    pub(crate) served: usize,
    pub(crate) failed_slowly: usize,
    served_at: Vec<Instant>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            caller,
            sent,
            served,
            failed_slowly,
            ..
        } = self;
        write!(
            f,
            "{caller}: {sent} sent, {served} served, {failed_slowly} failed slowly"
        )
    }
}

impl Tally {
    /// Returns the longest time without a served request.
    pub(crate) fn longest_gap(tallies: &[Self], from: Instant, to: Instant) -> Duration {
        let served = tallies.iter().flat_map(|tally| &tally.served_at);
        let mut served: Vec<Instant> = served.copied().chain([from, to]).collect();
        served.sort_unstable();
        let gaps = served.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }
}

/// Sends all `loads` until `to`, and counts from `from` to `to`.
pub(crate) async fn send(loads: Vec<Load>, from: Instant, to: Instant) -> Vec<Tally> {
    let mut callers = JoinSet::new();
    for (number, load) in loads.into_iter().enumerate() {
        callers.spawn(async move { (number, send_one(load, from, to).await) });
    }
    let mut tallies = callers.join_all().await;
    tallies.sort_by_key(|(number, _)| *number);
    tallies.into_iter().map(|(_, tally)| tally).collect()
}

async fn send_one(load: Load, from: Instant, to: Instant) -> Tally {
    let client = Client::new(&load.endpoint, DEADLINE).expect("a URL");
    let client = client.as_caller(&load.caller);
    let mut ticks = interval(Duration::from_secs_f64(1.0 / load.per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = JoinSet::new();
    while Instant::now() < to {
        ticks.tick().await;
        let client = client.clone();
        calls.spawn(async move {
            let sent = Instant::now();
            let response = client.create(CreateSessionRequest::default()).await;
            (sent, response.is_ok(), Instant::now())
        });
    }
    let mut tally = Tally {
        caller: load.caller,
        ..Tally::default()
    };
    for (sent, served, completed) in calls.join_all().await {
        tally.sent += usize::from(sent >= from);
        if served && completed >= from && completed <= to {
            tally.served += 1;
            tally.served_at.push(completed);
        } else if !served && sent >= from && completed - sent > SLOW {
            tally.failed_slowly += 1;
        }
    }
    tally
}

/// The distinct responses to one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Responses {
    pub(crate) sessions: HashSet<String>,
    pub(crate) expiries: HashSet<String>,
}

/// Sends each of `requests` requests three times to random endpoints, each until it
/// succeeds.
pub(crate) async fn send_each_thrice(endpoints: &[String], requests: usize) -> Vec<Responses> {
    let clients = endpoints
        .iter()
        .map(|endpoint| Client::new(endpoint, DEADLINE));
    let clients: Arc<[Client]> = clients.map(|client| client.expect("a URL")).collect();
    let in_flight = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let mut calls = JoinSet::new();
    for number in 0..requests {
        let request_id = uuid::Uuid::new_v4().to_string();
        for _ in 0..3 {
            let permit = in_flight.clone().acquire_owned().await.expect("it is open");
            let (clients, request_id) = (clients.clone(), request_id.clone());
            calls.spawn(async move {
                let session = send_until_success(&clients, request_id).await;
                drop(permit);
                (number, session)
            });
        }
    }
    let mut responses = vec![Responses::default(); requests];
    for (number, (session, expiry)) in calls.join_all().await {
        responses[number].sessions.insert(session);
        responses[number].expiries.insert(expiry);
    }
    responses
}

async fn send_until_success(clients: &[Client], request_id: String) -> (String, String) {
    let message = CreateSessionRequest {
        request_id,
        ..CreateSessionRequest::default()
    };
    loop {
        let client = clients[fastrand::usize(..clients.len())].as_caller("shop");
        match client.create(message.clone()).await {
            Ok(response) => {
                let session = response.message.session.expect("a response has a session");
                let expiry = session.expire_time.expect("a session has an expiry");
                return (session.session_id, format!("{expiry:?}"));
            }
            Err(failure) if matches!(failure.code, Code::AlreadyExists | Code::InvalidArgument) => {
                panic!("{failure}");
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
