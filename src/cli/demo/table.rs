//! The summary of the burst of calls.

use std::collections::{BTreeMap, BTreeSet};

use super::burst::{CallOutcome, reason};
use crate::cli::duration::seconds;
use crate::cli::out::{print_out, printable};

/// Prints the outcomes by caller, and the refusals by reason.
pub(super) fn print(outcomes: &[CallOutcome]) -> anyhow::Result<()> {
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
    print_refusals(outcomes)
}

fn print_refusals(outcomes: &[CallOutcome]) -> anyhow::Result<()> {
    let mut refusals: BTreeMap<&str, Vec<&CallOutcome>> = BTreeMap::new();
    for outcome in outcomes {
        if let Err(failure) = &outcome.response {
            refusals.entry(reason(failure)).or_default().push(outcome);
        }
    }
    print_out(format_args!("\nrefusals by reason"))?;
    for (reason, refused) in refusals {
        let slowest = refused.iter().map(|outcome| outcome.elapsed).max();
        let milliseconds = slowest.unwrap_or_default().as_millis();
        let example = refused[0].response.as_ref().err();
        let message = example.map(|failure| failure.message.as_str());
        print_out(format_args!(
            "{:>3} x {}, within {milliseconds} ms, for example: {}",
            refused.len(),
            printable(reason),
            printable(message.unwrap_or_default())
        ))?;
    }
    Ok(())
}
