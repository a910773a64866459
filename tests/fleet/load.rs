//! What callers send, and what becomes of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use livegate::grpc::client::Client;
use livegate::grpc::v1::CreateSessionRequest;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

const DEADLINE: Duration = Duration::from_secs(5);
/// A refusal that takes longer is a slow failure.
const SLOW: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 192;

/// One caller, on one replica, at a steady rate, whatever comes back.
pub(crate) struct Load {
    pub(crate) endpoint: String,
    pub(crate) caller: String,
    pub(crate) per_second: f64,
}

/// What became of one caller's requests.
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
    /// The longest time in which nobody was served.
    pub(crate) fn longest_gap(tallies: &[Self], from: Instant, to: Instant) -> Duration {
        let served = tallies.iter().flat_map(|tally| &tally.served_at);
        let mut served: Vec<Instant> = served.copied().chain([from, to]).collect();
        served.sort_unstable();
        let gaps = served.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }
}

/// Sends all `loads` until `to`; what is served between `from` and `to` counts.
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
            let answer = client.create(CreateSessionRequest::default()).await;
            (sent, answer.is_ok(), Instant::now())
        });
    }
    let mut tally = Tally {
        caller: load.caller,
        ..Tally::default()
    };
    for (sent, served, ended) in calls.join_all().await {
        tally.sent += usize::from(sent >= from);
        if served && ended >= from && ended <= to {
            tally.served += 1;
            tally.served_at.push(ended);
        } else if !served && sent >= from && ended - sent > SLOW {
            tally.failed_slowly += 1;
        }
    }
    tally
}

/// What one request was answered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) sessions: HashSet<String>,
    pub(crate) expiries: HashSet<String>,
}

/// Sends each of so many requests three times to random endpoints, each until it
/// is answered.
pub(crate) async fn thrice(endpoints: &[String], requests: usize) -> Vec<Answers> {
    let clients = endpoints.iter().map(|one| Client::new(one, DEADLINE));
    let clients: Arc<[Client]> = clients.map(|client| client.expect("a URL")).collect();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = JoinSet::new();
    for number in 0..requests {
        let request_id = uuid::Uuid::new_v4().to_string();
        for _ in 0..3 {
            let permit = room.clone().acquire_owned().await.expect("it is open");
            let (clients, request_id) = (clients.clone(), request_id.clone());
            calls.spawn(async move {
                let session = until_answered(&clients, request_id).await;
                drop(permit);
                (number, session)
            });
        }
    }
    let mut answers = vec![Answers::default(); requests];
    for (number, (session, expiry)) in calls.join_all().await {
        answers[number].sessions.insert(session);
        answers[number].expiries.insert(expiry);
    }
    answers
}

async fn until_answered(clients: &[Client], request_id: String) -> (String, String) {
    let message = CreateSessionRequest {
        request_id,
        ..CreateSessionRequest::default()
    };
    loop {
        let client = clients[fastrand::usize(..clients.len())].as_caller("shop");
        match client.create(message.clone()).await {
            Ok(answer) => {
                let session = answer.message.session.expect("an answer has a session");
                let expiry = session.expire_time.expect("it ends");
                return (session.session_id, format!("{expiry:?}"));
            }
            Err(failure) if matches!(failure.code, "ALREADY_EXISTS" | "INVALID_ARGUMENT") => {
                panic!("{failure}");
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
