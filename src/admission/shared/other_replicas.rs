//! The callers that replicas report to each other through the store.
//!
//! A report lists the callers that wait for a quota token, by group: `GROUP:NAMES`, where
//! the group is a pattern, or empty for callers without one. A second report lists the
//! arrival rates of the groups that have a rate limit: `GROUP=RATE`, in thousandths of a
//! call a second. Groups and names are digests of 12 hexadecimal digits, which keep the
//! names out of the store.
//!
//! For example, `:0b1c2d3e4f5a6b7c8d9e0f1a,f0e1d2c3b4a5:112233445566` lists two callers
//! without a pattern, and one of a pattern.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The most names in a report, about 24 KiB: all callers with a section, and
/// `max_callers` by default. A replica's weight also counts those beyond, but the other
/// replicas do not know them.
const MAX_REPORTED: usize = 2000;

const DIGITS: usize = 12;

/// Identifies a caller or a pattern among the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::admission) struct CallerDigest(u64);

impl CallerDigest {
    pub(in crate::admission) fn of_name(name: &str) -> Self {
        let digest = Sha256::digest(name);
        Self(
            digest[..DIGITS / 2]
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    /// No caller's name contains a space, so no name has the digest of a pattern.
    pub(in crate::admission) fn of_pattern(pattern: &str) -> Self {
        Self::of_name(&format!("pattern {pattern}"))
    }

    fn parse(digits: &str) -> Option<Self> {
        let number = u64::from_str_radix(digits, 16).ok()?;
        (digits.len() == DIGITS).then_some(Self(number))
    }
}

/// The callers of one replica, as text.
#[derive(Clone, Debug, Default)]
pub(in crate::admission) struct CallerReport {
    pub(super) waiting: String,
    pub(super) limited: String,
    names: usize,
}

impl CallerReport {
    /// Adds callers that wait, all of one pattern or all without one.
    pub(in crate::admission) fn add_waiting(
        &mut self,
        pattern: Option<CallerDigest>,
        names: impl Iterator<Item = CallerDigest>,
    ) {
        let comma = if self.waiting.is_empty() { "" } else { "," };
        let pattern = pattern.map(|CallerDigest(number)| format!("{number:012x}"));
        let _ = write!(self.waiting, "{comma}{}:", pattern.unwrap_or_default());
        for CallerDigest(name) in names.take(MAX_REPORTED - self.names) {
            let _ = write!(self.waiting, "{name:012x}");
            self.names += 1;
        }
    }

    /// Adds the arrival rate of a caller or a pattern that has a rate limit.
    pub(in crate::admission) fn add_limited(&mut self, group: CallerDigest, per_second: f64) {
        let comma = if self.limited.is_empty() { "" } else { "," };
        let _ = write!(
            self.limited,
            "{comma}{:012x}={:.0}",
            group.0,
            per_second * 1e3
        );
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
    /// Parses the reports of all other replicas, each joined by commas. Ignores entries of
    /// an unknown format, which other versions may send.
    pub(super) fn parse(replicas: u32, waiting: &str, limited: &str) -> Self {
        let mut others = Self {
            replicas,
            ..Self::default()
        };
        for (pattern, names) in waiting.split(',').filter_map(|entry| entry.split_once(':')) {
            let names = names.as_bytes().chunks(DIGITS);
            let names =
                names.filter_map(|digits| CallerDigest::parse(std::str::from_utf8(digits).ok()?));
            for name in names {
                *others.waiting_on.entry(name).or_default() += 1;
                if let Some(pattern) = CallerDigest::parse(pattern) {
                    others.names.entry(pattern).or_default().insert(name);
                }
            }
        }
        for (group, rate) in limited.split(',').filter_map(|entry| entry.split_once('=')) {
            if let (Some(group), Ok(rate)) = (CallerDigest::parse(group), rate.parse::<u32>()) {
                *others.arrivals.entry(group).or_default() += f64::from(rate) / 1e3;
            }
        }
        others
    }

    /// Returns the callers of one other replica with `report`.
    #[cfg(test)]
    pub(in crate::admission) fn of(replicas: u32, report: &CallerReport) -> Self {
        Self::parse(replicas, &report.waiting, &report.limited)
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
        there.add_waiting(None, ["a", "b"].map(digest).into_iter());
        let waiting = format!("{},{}", there.waiting, there.waiting);
        let others = OtherReplicas::parse(3, &waiting, "");
        assert!((others.share_of(digest("a")) - 1.0 / 3.0).abs() < 1e-9);
        assert!((others.share_of(digest("c")) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_callers_of_a_pattern_are_counted_once_in_the_fleet() {
        let (pattern, mut there) = (CallerDigest::of_pattern("t/*"), CallerReport::default());
        there.add_waiting(Some(pattern), ["t/1", "t/2"].map(digest).into_iter());
        there.add_limited(pattern, 1.5);
        let twice = format!("{},{}", there.waiting, there.waiting);
        let limited = format!("{},{}", there.limited, there.limited);
        let others = OtherReplicas::parse(3, &twice, &limited);
        assert_eq!(
            others.only_elsewhere(pattern, |name| *name == digest("t/1")),
            1
        );
        assert!((others.arrivals_of(pattern) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_report_is_bounded_and_contains_no_names() {
        let mut report = CallerReport::default();
        report.add_waiting(None, (0..9000).map(|n| digest(&format!("caller-{n}"))));
        report.add_waiting(Some(digest("x")), std::iter::once(digest("caller-1")));
        assert!(!report.waiting.contains("caller") && report.waiting.len() <= 2002 * DIGITS);
    }

    #[test]
    fn reports_of_another_format_are_ignored() {
        let others = OtherReplicas::parse(2, "5f3a09c1d2e4b687:3,:zz,x", "a=1,5f3a09c1d2e4=x");
        assert_eq!(others, OtherReplicas::parse(2, "", ""));
    }
}
