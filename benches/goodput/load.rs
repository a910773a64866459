//! Callers of a gRPC service: ten of them, each with channels of its own, in the driver's
//! process. Each request is sent once, when it is due, whatever became of those before it.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::arrivals::arrivals;
use super::case::Case;
use super::contract::{CALLER_KEY, CreateSessionRequest, SessionServiceClient};
use super::outcome::{Outcome, SessionDigest, digest};

/// A caller, and the replicas that it sends to in turn.
pub(crate) struct Caller {
    number: usize,
    channels: Vec<Channel>,
}

impl Caller {
    /// Connects to each of `endpoints`.
    pub(crate) async fn connect(number: usize, endpoints: &[&str]) -> anyhow::Result<Self> {
        let mut channels = Vec::new();
        for url in endpoints {
            let endpoint = Endpoint::from_shared((*url).to_owned())?.tcp_nodelay(true);
            channels.push(
                endpoint
                    .connect()
                    .await
                    .with_context(|| format!("connect to {url}"))?,
            );
        }
        Ok(Self { number, channels })
    }

    /// Sends this caller's list of requests, and waits for the end of each.
    async fn run(&self, case: &Case, seed: u64, zero: Instant) -> Vec<Outcome> {
        let rate = case.rates()[self.number];
        let mut requests = JoinSet::new();
        let due = arrivals(seed, self.number, rate, case.length());
        for (due, channel) in due.into_iter().zip(self.channels.iter().cycle()) {
            sleep_until(zero + due).await;
            requests.spawn(send(self.number, due, channel.clone(), case.deadline, zero));
        }
        requests.join_all().await
    }
}

/// Sends the requests of all callers; ends with the last of them.
pub(crate) async fn send_all(
    callers: &[Caller],
    case: &Case,
    seed: u64,
    zero: Instant,
) -> Vec<Outcome> {
    let all = callers.iter().map(|caller| caller.run(case, seed, zero));
    join_all(all).await.into_iter().flatten().collect()
}

async fn send(
    caller: usize,
    due: Duration,
    channel: Channel,
    deadline: Duration,
    zero: Instant,
) -> Outcome {
    let sent = zero.elapsed().as_secs_f64();
    let result = create(caller, channel, deadline).await;
    Outcome {
        caller,
        due: due.as_secs_f64(),
        sent,
        ended: zero.elapsed().as_secs_f64(),
        result: result.map_err(|status| reason(&status)),
    }
}

async fn create(
    caller: usize,
    channel: Channel,
    deadline: Duration,
) -> Result<SessionDigest, Status> {
    let mut request = Request::new(CreateSessionRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        ..CreateSessionRequest::default()
    });
    request.set_timeout(deadline);
    let name = format!("caller-{caller}").parse().expect("it is ASCII");
    request.metadata_mut().insert(CALLER_KEY, name);
    let response = SessionServiceClient::new(channel)
        .create_session(request)
        .await?;
    let session = response.into_inner().session;
    let session = session.ok_or_else(|| Status::internal("a response without a session"))?;
    Ok(digest(&session.session_id))
}

/// Returns the name of the failure in the outcome of a request: its code, and its reason
/// where it has one. tonic's own timer reports `CANCELLED`.
fn reason(status: &Status) -> String {
    if status.code() == Code::Cancelled {
        return "timeout".to_owned();
    }
    match status.get_error_details().error_info() {
        Some(info) => format!("{:?} {}", status.code(), info.reason),
        None => format!("{:?}", status.code()),
    }
}
