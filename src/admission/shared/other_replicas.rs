//! The callers that replicas report to each other through the store, as JSON.
//!
//! A report lists the callers that wait for a quota token, by pattern, and the arrival
//! rates of the callers and patterns that have a rate limit. Callers and patterns are
//! digests of 48 bits, which keep the names out of the store.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The most names in a report, about 32 KiB: all callers with a section, and
/// `max_callers` by default. A replica's weight also counts those beyond, but the other
/// replicas do not know them.
const MAX_REPORTED: usize = 2000;

/// Identifies a caller or a pattern among the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::admission) struct CallerDigest(u64);

impl CallerDigest {
    /// Instead of a pattern, for callers without one.
    pub(in crate::admission) const NO_PATTERN: Self = Self(0);

    pub(in crate::admission) fn of_name(name: &str) -> Self {
        let digest = Sha256::digest(name);
        let bytes = digest[..6].iter();
        Self(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// No caller's name contains a space, so no name has the digest of a pattern.
    pub(in crate::admission) fn of_pattern(pattern: &str) -> Self {
        Self::of_name(&format!("pattern {pattern}"))
    }
}

/// The callers of one replica.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::admission) struct CallerReport {
    /// The callers that wait, by pattern.
    waiting: BTreeMap<CallerDigest, Vec<CallerDigest>>,
    /// The arrivals a second of each caller or pattern that has a rate limit.
    pub(in crate::admission) limited: BTreeMap<CallerDigest, f64>,
    #[serde(skip)]
    names: usize,
}

impl CallerReport {
    /// Adds callers that wait, all of one pattern or all without one.
    pub(in crate::admission) fn add_waiting(
        &mut self,
        pattern: CallerDigest,
        names: impl Iterator<Item = CallerDigest>,
    ) {
        let reported = self.waiting.entry(pattern).or_default();
        for name in names.take(MAX_REPORTED - self.names) {
            reported.push(name);
            self.names += 1;
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report has only lists and numbers")
    }
}

/// The callers of the other replicas.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::admission) struct OtherReplicas {
    /// How many replicas are present, including this one.
    pub(in crate::admission) replicas: u32,
    waiting_on: HashMap<CallerDigest, u32>,
    names: HashMap<CallerDigest, HashSet<CallerDigest>>,
    arrivals: HashMap<CallerDigest, f64>,
}

impl OtherReplicas {
    /// Parses the reports of the other replicas: of those with waiting callers, and of the
    /// rest. Ignores reports of an unknown format, which other versions may send.
    pub(super) fn parse(replicas: u32, busy: &[String], quiet: &[String]) -> Self {
        let mut others = Self {
            replicas,
            ..Self::default()
        };
        let parse = |json: &String| serde_json::from_str::<CallerReport>(json).ok();
        for report in busy.iter().filter_map(parse) {
            others.add_limited(&report);
            for (pattern, names) in report.waiting {
                for name in &names {
                    *others.waiting_on.entry(*name).or_default() += 1;
                }
                others.names.entry(pattern).or_default().extend(names);
            }
        }
        for report in quiet.iter().filter_map(parse) {
            others.add_limited(&report);
        }
        others
    }

    fn add_limited(&mut self, report: &CallerReport) {
        for (group, per_second) in &report.limited {
            *self.arrivals.entry(*group).or_default() += per_second;
        }
    }

    /// Returns the callers of one other replica with `report`.
    #[cfg(test)]
    pub(in crate::admission) fn of(replicas: u32, report: &CallerReport) -> Self {
        Self::parse(replicas, &[report.to_json()], &[])
    }

    /// Returns the part of a caller's weight that counts on this replica: `1 / k` for a
    /// caller that waits on `k` replicas, including this one.
    pub(in crate::admission) fn share_of(&self, caller: CallerDigest) -> f64 {
        1.0 / (1.0 + f64::from(self.waiting_on.get(&caller).copied().unwrap_or(0)))
    }

    /// Returns how many callers of `pattern` wait only on other replicas, where `is_here`
    /// tells which wait here.
    pub(in crate::admission) fn only_elsewhere(
        &self,
        pattern: CallerDigest,
        is_here: impl Fn(&CallerDigest) -> bool,
    ) -> usize {
        let names = self.names.get(&pattern).into_iter().flatten();
        names.filter(|name| !is_here(name)).count()
    }

    /// Returns the arrivals a second of a caller or a pattern on the other replicas.
    pub(in crate::admission) fn arrivals_of(&self, group: CallerDigest) -> f64 {
        self.arrivals.get(&group).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> CallerDigest {
        CallerDigest::of_name(name)
    }

    #[test]
    fn a_caller_on_three_replicas_counts_a_third_on_each() {
        let mut there = CallerReport::default();
        there.add_waiting(CallerDigest::NO_PATTERN, ["a", "b"].map(digest).into_iter());
        let others = OtherReplicas::parse(3, &[there.to_json(), there.to_json()], &[]);
        assert!((others.share_of(digest("a")) - 1.0 / 3.0).abs() < 1e-9);
        assert!((others.share_of(digest("c")) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_callers_of_a_pattern_are_counted_once_in_the_fleet() {
        let (pattern, mut there) = (CallerDigest::of_pattern("t/*"), CallerReport::default());
        there.add_waiting(pattern, ["t/1", "t/2"].map(digest).into_iter());
        there.limited.insert(pattern, 1.5);
        let others = OtherReplicas::parse(3, &[there.to_json()], &[there.to_json()]);
        assert_eq!(
            others.only_elsewhere(pattern, |name| *name == digest("t/1")),
            1
        );
        assert!((others.arrivals_of(pattern) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_report_is_bounded_and_contains_no_names() {
        let mut report = CallerReport::default();
        let names = (0..9000).map(|n| digest(&format!("caller-{n}")));
        report.add_waiting(CallerDigest::NO_PATTERN, names);
        report.add_waiting(digest("x"), std::iter::once(digest("caller-1")));
        let json = report.to_json();
        assert!(!json.contains("caller-"), "{json}");
        assert!(json.len() <= 2002 * "281474976710655,".len());
    }

    #[test]
    fn reports_of_another_format_are_ignored() {
        let unknown = [
            "",
            "5f3a09c1d2e4b687:3,:zz,x",
            r#"{"waiting":{"x":["y"]},"limited":{}}"#,
        ];
        let others = OtherReplicas::parse(2, &unknown.map(str::to_owned), &[]);
        assert_eq!(others, OtherReplicas::parse(2, &[], &[]));
    }
}
