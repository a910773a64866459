//! The table at the end of the demonstration.

use std::collections::{BTreeMap, BTreeSet};

use livegate_simulator::Stats;

use super::burst::CallOutcome;
use crate::cli::out::say;

/// Prints what became of the calls, by caller, and why some were refused.
pub(super) fn print(outcomes: &[CallOutcome], stats: &Stats) -> anyhow::Result<()> {
    let callers: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.caller).collect();
    say(format_args!(
        "\n{:<12}{:>6}{:>8}{:>9}{:>9}  {:<14}",
        "caller", "calls", "issued", "retried", "refused", "longest wait"
    ))?;
    for caller in callers {
        let own: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.caller == caller)
            .collect();
        let issued = own
            .iter()
            .filter_map(|outcome| outcome.answer.as_ref().ok());
        let retried = issued.clone().filter(|answer| answer.attempts > 1).count();
        let longest = issued
            .clone()
            .map(|answer| answer.waited)
            .max()
            .unwrap_or_default();
        let count = issued.count();
        say(format_args!(
            "{caller:<12}{:>6}{count:>8}{retried:>9}{:>9}  {:.2} s",
            own.len(),
            own.len() - count,
            longest.as_secs_f64()
        ))?;
    }
    print_refusals(outcomes)?;
    say(format_args!(
        "\nAWS saw {} calls, throttled {}, and made {} sessions.",
        stats.create.calls,
        throttled(stats),
        stats.sessions_made
    ))
}

/// Throttles by quota, by chance and by script.
fn throttled(stats: &Stats) -> u64 {
    let is_throttling = |code: &str| {
        [
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
        ]
        .contains(&code)
    };
    let by_code = stats
        .create
        .errors
        .iter()
        .filter(|(code, _)| is_throttling(code));
    by_code.map(|(_, count)| count).sum()
}

fn print_refusals(outcomes: &[CallOutcome]) -> anyhow::Result<()> {
    let mut refusals: BTreeMap<&str, Vec<&CallOutcome>> = BTreeMap::new();
    for outcome in outcomes {
        if let Err(failure) = &outcome.answer {
            refusals.entry(&failure.reason).or_default().push(outcome);
        }
    }
    say(format_args!("\nwhy refused"))?;
    for (reason, refused) in refusals {
        let slowest = refused.iter().map(|outcome| outcome.took).max();
        let took = slowest.unwrap_or_default().as_millis();
        let example = refused[0].answer.as_ref().err();
        let message = example.map(|failure| failure.message.as_str());
        say(format_args!(
            "{:>3} x {reason}, told within {took} ms, as in: {}",
            refused.len(),
            message.unwrap_or_default()
        ))?;
    }
    Ok(())
}
