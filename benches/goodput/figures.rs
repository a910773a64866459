//! The figures of one run, computed from its outcomes and the simulator's counters.
//!
//! Everything is counted over the same seconds: those in which the load is steady. A
//! request belongs to the second in which it *ended*, so each counted request had the
//! full load beside it until its end. `docs/benchmarks/README.md` defines each figure.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use serde::Serialize;

use super::fairness::{jain, max_min_shares};
use super::outcome::Outcome;
use super::samples::{Sample, busiest_second, count, ends};
use super::statistics::percentile;

/// A failure that takes more than this share of the deadline is slow.
const SLOW: f64 = 0.9;

/// The conditions of a run, its outcomes and its counters.
pub(crate) struct Run<'a> {
    /// The quota of the simulator, in calls a second.
    pub(crate) quota: f64,
    /// The calls that the simulator lets pass at once after idleness.
    pub(crate) burst: f64,
    pub(crate) callers: usize,
    /// Seconds from when a request is due until its caller gives up.
    pub(crate) deadline: f64,
    /// The seconds of the run that are counted.
    pub(crate) counted: Range<f64>,
    pub(crate) outcomes: &'a [Outcome],
    pub(crate) samples: &'a [Sample],
    /// The calls of another tenant, one attempt each.
    pub(crate) tenant: &'a [Outcome],
    /// The share of the quota that the other tenant asks for.
    pub(crate) tenant_share: f64,
}

/// The figures of one run. `None` where there was nothing to divide by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) goodput: f64,
    pub(crate) throttles_per_success: Option<f64>,
    pub(crate) attempts_per_success: Option<f64>,
    pub(crate) session_p50_ms: Option<f64>,
    pub(crate) session_p99_ms: Option<f64>,
    pub(crate) failure_p99_ms: Option<f64>,
    pub(crate) failed_slowly: Option<f64>,
    pub(crate) jain: Option<f64>,
    pub(crate) surplus_sessions: Option<f64>,
    pub(crate) over_admission: f64,
    pub(crate) tenant_served: Option<f64>,
    /// How late the load generator was, at its p99.
    pub(crate) send_lag_p99_ms: Option<f64>,
    pub(crate) ended: usize,
    pub(crate) obtained: usize,
    pub(crate) failures: BTreeMap<String, usize>,
    /// Sessions obtained in each second of the run, from its start.
    pub(crate) obtained_each_second: Vec<u64>,
}

impl Run<'_> {
    /// Computes the figures, or returns `None` where the counters do not span the
    /// counted seconds.
    pub(crate) fn figures(&self) -> Option<Figures> {
        let ended: Vec<&Outcome> = self.counted_outcomes().collect();
        let obtained = ended
            .iter()
            .filter(|outcome| outcome.result.is_ok())
            .count();
        let per_success = |attempts: u64| ratio(attempts as f64, obtained as f64);
        let failed = || ended.iter().filter(|outcome| outcome.result.is_err());
        let slow = failed().filter(|outcome| outcome.took() > SLOW * self.deadline);
        let took = |ok: bool| {
            let of_kind = ended.iter().filter(|outcome| outcome.result.is_ok() == ok);
            of_kind
                .map(|outcome| 1000.0 * outcome.took())
                .collect::<Vec<_>>()
        };
        let lags: Vec<f64> = ended.iter().map(|o| 1000.0 * (o.sent - o.due)).collect();
        let (first, last) = ends(self.samples, &self.counted)?;
        let tenant = TenantCalls::of(self.tenant, &(first.at..last.at));
        Some(Figures {
            goodput: obtained as f64 / self.quota / self.seconds(),
            throttles_per_success: per_success(
                (last.throttled - first.throttled).saturating_sub(tenant.throttled),
            ),
            attempts_per_success: per_success(
                (last.calls - first.calls).saturating_sub(tenant.calls),
            ),
            session_p50_ms: percentile(&took(true), 0.5),
            session_p99_ms: percentile(&took(true), 0.99),
            failure_p99_ms: percentile(&took(false), 0.99),
            failed_slowly: ratio(slow.count() as f64, ended.len() as f64),
            jain: self.jain(&ended),
            surplus_sessions: self.surplus_sessions(),
            over_admission: self.over_admission(),
            tenant_served: ratio(tenant.served as f64, tenant.calls as f64),
            send_lag_p99_ms: percentile(&lags, 0.99),
            ended: ended.len(),
            obtained,
            failures: tally(failed().filter_map(|outcome| outcome.result.as_ref().err())),
            obtained_each_second: self.obtained_each_second(),
        })
    }

    fn seconds(&self) -> f64 {
        self.counted.end - self.counted.start
    }

    fn counted_outcomes(&self) -> impl Iterator<Item = &Outcome> {
        let of_run = self.outcomes.iter();
        of_run.filter(|outcome| self.counted.contains(&outcome.ended))
    }

    /// Returns Jain's index over the callers of the sessions that each obtained, relative
    /// to its max-min fair share of the quota that the other tenant leaves.
    fn jain(&self, ended: &[&Outcome]) -> Option<f64> {
        let mut demands = vec![0.0; self.callers];
        let mut obtained = vec![0.0; self.callers];
        for outcome in ended {
            demands[outcome.caller] += 1.0;
            obtained[outcome.caller] += f64::from(u8::from(outcome.result.is_ok()));
        }
        let capacity = self.quota * (1.0 - self.tenant_share) * self.seconds();
        let shares = max_min_shares(capacity, &demands);
        let relative = obtained.iter().zip(&shares);
        let relative: Vec<f64> = relative
            .filter_map(|(got, share)| ratio(*got, *share))
            .collect();
        jain(&relative)
    }

    /// Sessions of the whole run that exist at AWS and that no request obtained, for
    /// each session that a request obtained.
    fn surplus_sessions(&self) -> Option<f64> {
        let made = self.samples.last()?.made;
        let received = |list: &[Outcome]| {
            let digests = list
                .iter()
                .filter_map(|outcome| outcome.result.as_ref().ok());
            digests.collect::<HashSet<_>>().len() as f64
        };
        let obtained = received(self.outcomes);
        ratio(made as f64 - received(self.tenant) - obtained, obtained)
    }

    fn over_admission(&self) -> f64 {
        let mut of_tenant: Vec<f64> = self.tenant.iter().map(|call| call.sent).collect();
        of_tenant.sort_by(f64::total_cmp);
        busiest_second(self.samples, &of_tenant) as f64 / (self.quota + self.burst)
    }

    fn obtained_each_second(&self) -> Vec<u64> {
        let of_run = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.result.is_ok());
        let mut instants: Vec<f64> = of_run.map(|outcome| outcome.ended).collect();
        instants.sort_by(f64::total_cmp);
        let seconds = 0..self.counted.end.ceil() as u32;
        let each = seconds.map(|second| f64::from(second)..f64::from(second + 1));
        each.map(|second| count(&instants, &second)).collect()
    }
}

/// The other tenant's attempts within the counted seconds.
struct TenantCalls {
    calls: u64,
    served: u64,
    throttled: u64,
}

impl TenantCalls {
    fn of(calls: &[Outcome], seconds: &Range<f64>) -> Self {
        let counted = || calls.iter().filter(|call| seconds.contains(&call.sent));
        let total = counted().count() as u64;
        let served = counted().filter(|call| call.result.is_ok()).count() as u64;
        Self {
            calls: total,
            served,
            throttled: total - served,
        }
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn tally<'a>(reasons: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason.clone()).or_default() += 1;
    }
    counts
}
