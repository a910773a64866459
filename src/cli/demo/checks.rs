//! The checks of the sessions that were issued: devices play them, callers read their results.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use livegate_client::{Client, v1};
use livegate_simulator::{Device, OperationStats, Stats};
use tokio::task::JoinSet;

use super::burst::CallOutcome;
use crate::cli::device::CheckCounts;
use crate::cli::out::print_out;

/// The length of the videos. Devices of end users take about 8 s.
const VIDEO: Duration = Duration::from_secs(2);

/// Plays all checks at once, then reads their results, and prints what came of them.
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
            let check = device.play(&session.session_id).await;
            let result = if check.is_ok() && reads_results {
                read(&client, session).await
            } else {
                None
            };
            (check, result)
        });
    }
    let (mut counts, mut results) = (CheckCounts::default(), BTreeMap::new());
    while let Some(outcome) = checks.join_next().await {
        let (check, result) = outcome?;
        counts.add(check);
        if let Some(result) = result {
            *results.entry(result).or_insert(0) += 1;
        }
    }
    print_out(format_args!("\nchecks that devices played"))?;
    counts.print_lines()?;
    for (result, count) in results {
        print_out(format_args!("{count:>5}  {result}"))?;
    }
    Ok(())
}

/// Returns the result of a session in words.
async fn read(client: &Client, session: v1::Session) -> Option<String> {
    let request = v1::GetSessionResultRequest {
        session_id: session.session_id,
        result_token: session.result_token,
        ..Default::default()
    };
    Some(match client.result(request).await {
        Ok(response) => {
            let status = response.message.status().as_str_name();
            let status = status.trim_start_matches("SESSION_STATUS_");
            match response.message.confidence {
                Some(confidence) => format!("result {status} with confidence {confidence}"),
                None => format!("result {status}"),
            }
        }
        Err(error) => format!("result not read: {}", error.reason),
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
