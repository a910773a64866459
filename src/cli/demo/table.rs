//! The summary at the end of the demonstration.

use std::collections::{BTreeMap, BTreeSet};

use livegate_simulator::Stats;

use super::burst::CallOutcome;
use crate::cli::duration::seconds;
use crate::cli::out::{counted, print_out};

/// Prints the outcomes by caller, the refusals by reason, and the counters of AWS.
pub(super) fn print(outcomes: &[CallOutcome], stats: &Stats) -> anyhow::Result<()> {
    let callers: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.caller).collect();
    print_out(format_args!(
        "\n{:<12}{:>6}{:>8}{:>9}{:>9}  {}",
        "caller", "calls", "issued", "retried", "refused", "longest wait"
    ))?;
    for caller in callers {
        let own: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.caller == caller)
            .collect();
        let issued = own
            .iter()
            .filter_map(|outcome| outcome.response.as_ref().ok());
        let retried = issued
            .clone()
            .filter(|response| response.attempts > 1)
            .count();
        let longest = issued
            .clone()
            .map(|response| response.waited)
            .max()
            .unwrap_or_default();
        let count = issued.count();
        print_out(format_args!(
            "{caller:<12}{:>6}{count:>8}{retried:>9}{:>9}  {}",
            own.len(),
            own.len() - count,
            seconds(longest)
        ))?;
    }
    print_refusals(outcomes)?;
    print_out(format_args!(
        "\nAWS received {}, throttled {}, and created {}.",
        counted(stats.create.calls as usize, "call"),
        throttled(stats),
        counted(stats.sessions_made as usize, "session")
    ))
}

/// Counts the calls that were throttled by the quota or by a fault.
fn throttled(stats: &Stats) -> u64 {
    let is_throttling = |code: &str| {
        [
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
        ]
        .contains(&code)
    };
    let throttling_errors = stats
        .create
        .errors
        .iter()
        .filter(|(code, _)| is_throttling(code));
    throttling_errors.map(|(_, count)| count).sum()
}

fn print_refusals(outcomes: &[CallOutcome]) -> anyhow::Result<()> {
    let mut refusals: BTreeMap<&str, Vec<&CallOutcome>> = BTreeMap::new();
    for outcome in outcomes {
        if let Err(failure) = &outcome.response {
            refusals.entry(&failure.reason).or_default().push(outcome);
        }
    }
    print_out(format_args!("\nrefusals by reason"))?;
    for (reason, refused) in refusals {
        let slowest = refused.iter().map(|outcome| outcome.elapsed).max();
        let milliseconds = slowest.unwrap_or_default().as_millis();
        let example = refused[0].response.as_ref().err();
        let message = example.map(|failure| failure.message.as_str());
        print_out(format_args!(
            "{:>3} x {reason}, within {milliseconds} ms, for example: {}",
            refused.len(),
            message.unwrap_or_default()
        ))?;
    }
    Ok(())
}
