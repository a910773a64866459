//! The checks of the sessions that were issued: devices play them, and callers watch them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::OptionFuture;
use livegate_client::{Client, ClientError, v1};
use livegate_simulator::{Device, OperationStats, Stats};
use tokio::task::JoinSet;

use super::burst::CallOutcome;
use crate::cli::device::CheckCounts;
use crate::cli::out::{print_out, printable};

/// The length of the videos. Devices of end users take about 8 s.
const VIDEO: Duration = Duration::from_secs(2);

/// Plays and watches all checks at once, and prints their results.
pub(super) async fn play(
    client: &Client,
    reads_results: bool,
    simulator: SocketAddr,
    outcomes: &[CallOutcome],
) -> anyhow::Result<()> {
    let mut checks = JoinSet::new();
    for outcome in outcomes {
        let Ok(response) = &outcome.response else {
            continue;
        };
        let session = response.message.session.clone().unwrap_or_default();
        let client = client.as_caller(outcome.caller);
        let device = Device::new(&simulator.to_string(), &session.region, VIDEO);
        checks.spawn(async move {
            let id = session.session_id.clone();
            let watching = reads_results.then(|| watch(client, session));
            let watching = OptionFuture::from(watching).map(Ok);
            // A check that fails ends the watch, which would otherwise last for minutes.
            tokio::try_join!(device.play(&id), watching)
        });
    }
    let (mut counts, mut results) = (CheckCounts::default(), BTreeMap::new());
    while let Some(outcome) = checks.join_next().await {
        let check = outcome?;
        if let Ok(((), Some(result))) = &check {
            let failed = |error: &ClientError| format!("result not read: {}", error.reason);
            let result = result.as_ref().map_or_else(failed, String::clone);
            *results.entry(result).or_insert(0) += 1;
        }
        counts.add(check.map(drop));
    }
    print_out(format_args!("\nchecks that devices played"))?;
    counts.print_lines()?;
    for (result, count) in results {
        print_out(format_args!("{count:>5}  {}", printable(&result)))?;
    }
    Ok(())
}

/// Watches a session, and returns its result in words.
async fn watch(client: Client, session: v1::Session) -> Result<String, ClientError> {
    let mut states = client
        .watch(v1::WatchSessionRequest {
            session_id: session.session_id,
            result_token: session.result_token,
            ..Default::default()
        })
        .await?;
    let mut last = v1::GetSessionResultResponse::default();
    while let Some(state) = states.next().await? {
        last = state;
    }
    let status = last.status().as_str_name();
    let status = status.trim_start_matches("SESSION_STATUS_");
    Ok(match last.confidence {
        Some(confidence) => format!("result {status} with confidence {confidence}"),
        None => format!("result {status}"),
    })
}

/// Prints the calls that AWS received, and the finished checks for each of them.
pub(super) fn print_efficiency(stats: &Stats) -> anyhow::Result<()> {
    print_out(format_args!(
        "\n{:<31}{:>6}{:>11}  finished checks per call",
        "AWS call", "calls", "throttled"
    ))?;
    for (name, operation) in [
        ("CreateFaceLivenessSession", &stats.create),
        ("StartFaceLivenessSession", &stats.start),
        ("GetFaceLivenessSessionResults", &stats.results),
    ] {
        let share = match operation.calls {
            0 => "-".to_owned(),
            calls => format!("{:.2}", stats.checks_completed as f64 / calls as f64),
        };
        let (calls, throttled) = (operation.calls, throttled(operation));
        print_out(format_args!("{name:<31}{calls:>6}{throttled:>11}  {share}"))?;
    }
    Ok(())
}

/// Counts the calls that were throttled by the quota or by a fault.
fn throttled(operation: &OperationStats) -> u64 {
    let codes = [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
    ];
    let counts = codes.iter().filter_map(|code| operation.errors.get(*code));
    counts.sum()
}
