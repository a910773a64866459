//! Counters, as `GET /_simulator/stats` returns them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::limit::Limit;
use super::profile::Profile;

/// Counters since the start or the last reset, together with the settings and gauges
/// that help to read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// The profile in use.
    pub profile: Profile,
    /// The seed of all random values.
    pub seed: u64,
    /// Calls of `CreateFaceLivenessSession`.
    pub create: OperationStats,
    /// Calls of `GetFaceLivenessSessionResults`.
    pub results: OperationStats,
    /// Calls of `StartFaceLivenessSession`.
    pub start: OperationStats,
    /// Gauge: checks under way.
    pub checks_under_way: usize,
    /// The largest number of checks under way at the same time.
    pub most_checks_under_way: usize,
    /// Checks that the device completed, with any outcome.
    pub checks_completed: u64,
    /// Checks whose stream ended before they were complete.
    pub checks_broken_off: u64,
    /// Sessions created.
    pub sessions_made: u64,
    /// Gauge: sessions in memory at the last call, including expired ones.
    pub sessions_remembered: usize,
    /// Creates that returned the existing session of their `ClientRequestToken`.
    pub replays: u64,
    /// Sessions created with a `ClientRequestToken`.
    pub distinct_tokens: u64,
    /// Calls with a missing, malformed or wrong signature.
    pub refused_signatures: u64,
    /// Gauge: calls without a response yet.
    pub in_flight: usize,
}

/// Counters of one operation. `calls` is the sum of `admitted`, `throttled` and the
/// calls of this operation with an invalid signature.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationStats {
    /// Calls received, with any outcome.
    pub calls: u64,
    /// Calls within the quota.
    pub admitted: u64,
    /// Calls over the quota. Throttling by a scripted or random fault is not counted.
    pub throttled: u64,
    /// Calls that a scripted fault affected.
    pub faults_played: u64,
    /// Calls that a random fault of the profile affected. `mishaps` in JSON.
    #[serde(rename = "mishaps")]
    pub random_faults: u64,
    /// Calls without a regular success response, by AWS's error code, or by the action
    /// of the fault if it has no code (`html/503`, `reset`).
    pub errors: BTreeMap<String, u64>,
    /// The quota in force.
    pub limit: Limit,
}

impl Stats {
    /// Returns counters at zero; `limits` are those of create, results and start.
    pub(super) fn new(profile: Profile, seed: u64, limits: [Limit; 3]) -> Self {
        let [create, results, start] = limits.map(OperationStats::new);
        Self {
            profile,
            seed,
            create,
            results,
            start,
            ..Self::default()
        }
    }
}

impl OperationStats {
    fn new(limit: Limit) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(super) fn count_error(&mut self, name: &str) {
        *self.errors.entry(name.to_owned()).or_default() += 1;
    }
}
