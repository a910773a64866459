//! Who waits where, and what share of the quota that makes: pure arithmetic.
//!
//! A replica tells the others which callers wait there, as marks with weights:
//! `5f3a09c1d2e4b687:3,...`, at most 64 of them. A mark is a digest of the caller's
//! name: nobody reads names in the store.
//!
//! An example: `a` (weight 3) waits here and on one other replica, `b` (weight 1)
//! here alone. This replica's weight is 3/2 + 1 = 2.5.

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::model::CallerId;

/// Callers beyond so many are not told apart.
const MOST: usize = 64;

/// The callers that wait on one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::admission) struct Work(Vec<(String, u32)>);

impl<'c> FromIterator<(&'c CallerId, u32)> for Work {
    fn from_iter<I: IntoIterator<Item = (&'c CallerId, u32)>>(callers: I) -> Self {
        let callers = callers.into_iter().take(MOST);
        Self(callers.map(|(caller, w)| (mark(caller), w)).collect())
    }
}

impl Work {
    /// What the others are told.
    pub(super) fn report(&self) -> String {
        let mut text = String::new();
        for (mark, weight) in &self.0 {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma}{mark}:{weight}");
        }
        text
    }

    /// The weight of a replica with this work, given the reports of the others.
    pub(super) fn weight(&self, others: &str) -> f64 {
        let mut replicas: HashMap<&str, f64> = HashMap::new();
        for one in others.split(',') {
            let (mark, _) = one.split_once(':').unwrap_or_default();
            *replicas.entry(mark).or_default() += 1.0;
        }
        let elsewhere = |mark: &str| replicas.get(mark).copied().unwrap_or(0.0);
        self.0
            .iter()
            .map(|(mark, weight)| f64::from(*weight) / (1.0 + elsewhere(mark)))
            .sum()
    }
}

fn mark(caller: &CallerId) -> String {
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

    fn work(callers: &[(&str, u32)]) -> Work {
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
        let (here, there) = (work(&[("a", 3), ("b", 1)]), work(&[("a", 3), ("c", 1)]));
        assert!((here.weight(&there.report()) - 2.5).abs() < 1e-9);
        assert!((here.weight("") - 4.0).abs() < 1e-9);
        let both = format!("{},{}", there.report(), there.report());
        assert!((here.weight(&both) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_report_names_nobody_and_is_bounded() {
        let names: Vec<String> = (0..100).map(|n| format!("caller-{n}")).collect();
        let many: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 100)).collect();
        let report = work(&many).report();
        assert!(!report.contains("caller") && report.len() <= 64 * 21);
        assert_eq!(work(&[]).report(), "");
    }
}
