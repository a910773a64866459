//! The callers that wait on a replica, and the share of the quota that they make up:
//! pure arithmetic.
//!
//! A replica reports its waiting callers to the others as digests with weights:
//! `5f3a09c1d2e4b687:3,...`, at most 64 of them. The digest of the name keeps callers'
//! names out of the store.
//!
//! For example, `a` (weight 3) waits here and on one other replica, `b` (weight 1) only
//! here. The weight of this replica is 3/2 + 1 = 2.5.

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::model::CallerId;

/// The most callers in a report. The others are ignored.
const MAX_REPORTED: usize = 64;

/// The callers that wait on one replica, as digests with weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::admission) struct WaitingCallers(Vec<(String, u32)>);

impl<'c> FromIterator<(&'c CallerId, u32)> for WaitingCallers {
    fn from_iter<I: IntoIterator<Item = (&'c CallerId, u32)>>(callers: I) -> Self {
        let callers = callers.into_iter().take(MAX_REPORTED);
        Self(callers.map(|(caller, w)| (digest(caller), w)).collect())
    }
}

impl WaitingCallers {
    /// Returns the report for the other replicas.
    pub(super) fn report(&self) -> String {
        let mut text = String::new();
        for (digest, weight) in &self.0 {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma}{digest}:{weight}");
        }
        text
    }

    /// Returns the weight of the replica, given the reports of the others.
    pub(super) fn weight(&self, others: &str) -> f64 {
        let mut replicas: HashMap<&str, f64> = HashMap::new();
        for entry in others.split(',') {
            let (digest, _) = entry.split_once(':').unwrap_or_default();
            *replicas.entry(digest).or_default() += 1.0;
        }
        let other_replicas = |digest: &str| replicas.get(digest).copied().unwrap_or(0.0);
        self.0
            .iter()
            .map(|(digest, weight)| f64::from(*weight) / (1.0 + other_replicas(digest)))
            .sum()
    }
}

fn digest(caller: &CallerId) -> String {
    let digest = Sha256::digest(caller.as_str());
    let mut text = String::with_capacity(16);
    for byte in &digest[..8] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(callers: &[(&str, u32)]) -> WaitingCallers {
        let callers: Vec<_> = callers
            .iter()
            .map(|(name, weight)| (CallerId::new(name).expect("a plain name"), *weight))
            .collect();
        callers
            .iter()
            .map(|(name, weight)| (name, *weight))
            .collect()
    }

    #[test]
    fn a_caller_on_two_replicas_counts_half_on_each() {
        let here = waiting(&[("a", 3), ("b", 1)]);
        let there = waiting(&[("a", 3), ("c", 1)]);
        assert!((here.weight(&there.report()) - 2.5).abs() < 1e-9);
        assert!((here.weight("") - 4.0).abs() < 1e-9);
        let both = format!("{},{}", there.report(), there.report());
        assert!((here.weight(&both) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_report_is_bounded_and_contains_no_names() {
        let names: Vec<String> = (0..100).map(|n| format!("caller-{n}")).collect();
        let many: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 100)).collect();
        let report = waiting(&many).report();
        assert!(!report.contains("caller") && report.len() <= 64 * 21);
        assert_eq!(waiting(&[]).report(), "");
    }
}
