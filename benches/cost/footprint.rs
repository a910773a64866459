//! Memory for each idle connection and each waiting call, and the time to start.

use std::path::Path;
use std::time::Duration;

use livegate::grpc::v1;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Request;
use tonic::transport::Channel;

use super::process::Process;
use super::report::median;

const STARTS: usize = 11;
const IDLE_CONNECTIONS: usize = 500;
const WAITING_CALLS: usize = 10_000;
const WAITING_CONNECTIONS: usize = 20;

/// The time for the memory to settle.
const SETTLE: Duration = Duration::from_secs(2);

/// Most of the calls wait for longer than the measurement takes.
const WAITING: &str = "[quota.create]\nrate_per_second = 60.0\nburst = 1\nmax_wait = \"3m\"\n\
    [grpc]\nmax_connections_per_peer = 1000\n[callers.default]\nmax_waiting = 20000\n";
const LONG_DEADLINE: Duration = Duration::from_secs(240);

/// One figure of a binary.
pub(crate) struct Figure {
    pub(crate) server: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) at_most: Option<f64>,
}

/// Measures all figures of `binaries`.
pub(crate) async fn measure(
    binaries: &[(&'static str, &Path)],
    aws: &str,
) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for &(server, binary) in binaries {
        let figure = |name, value, unit, at_most| Figure {
            server,
            name,
            value,
            unit,
            at_most,
        };
        let start = start(binary, aws).await?;
        figures.push(figure("start to ready", start, "ms", Some(100.0)));
        let idle = idle_connection(binary, aws).await?;
        figures.push(figure("idle connection", idle, "KiB", None));
        let waiting = waiting_call(binary, aws).await?;
        let name = "waiting call, of 10,000 on 20 connections";
        figures.push(figure(name, waiting, "KiB", Some(16.0)));
    }
    Ok(figures)
}

/// Returns the milliseconds from the start of the process to readiness.
async fn start(binary: &Path, aws: &str) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let process = Process::livegate(binary, "", aws).await?;
        times.push(process.started_in.as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

/// Returns the KiB of a connection that has made one call.
async fn idle_connection(binary: &Path, aws: &str) -> anyhow::Result<f64> {
    let process = Process::livegate(binary, WAITING, aws).await?;
    let _first = connect(&process, 1).await?;
    let before = process.memory()?;
    let _open = connect(&process, IDLE_CONNECTIONS).await?;
    sleep(SETTLE).await;
    Ok(kib_each(before, process.memory()?, IDLE_CONNECTIONS))
}

/// Returns the KiB of a call that waits for a quota token, without its connection.
async fn waiting_call(binary: &Path, aws: &str) -> anyhow::Result<f64> {
    let process = Process::livegate(binary, WAITING, aws).await?;
    let channels = connect(&process, WAITING_CONNECTIONS).await?;
    let before = process.memory()?;
    let mut calls = JoinSet::new();
    for number in 0..WAITING_CALLS {
        let mut client = SessionServiceClient::new(channels[number % channels.len()].clone());
        calls.spawn(async move {
            let mut request = Request::new(v1::CreateSessionRequest::default());
            request.set_timeout(LONG_DEADLINE);
            client.create_session(request).await.map(drop)
        });
    }
    sleep(SETTLE).await;
    let memory = process.memory()?;
    while let Some(ended) = calls.try_join_next() {
        ended??;
    }
    Ok(kib_each(before, memory, calls.len()))
}

fn kib_each(before: u64, after: u64, count: usize) -> f64 {
    after.saturating_sub(before) as f64 / 1024.0 / count as f64
}

/// Opens connections, each with one call, which is refused without a token.
async fn connect(process: &Process, count: usize) -> anyhow::Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..count {
        let channel = Channel::from_shared(process.url.clone())?.connect().await?;
        let request = v1::GetSessionResultRequest::default();
        let mut client = SessionServiceClient::new(channel.clone());
        let refused = client.get_session_result(request).await;
        anyhow::ensure!(refused.is_err(), "results are disabled");
        channels.push(channel);
    }
    Ok(channels)
}
