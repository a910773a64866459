//! What happened so far, as tests and people read it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::limit::Limit;
use super::profile::Profile;

/// What happened since the start, or since the last reset. Counts, unless said.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// The profile that is on.
    pub profile: Profile,
    /// The seed of every draw.
    pub seed: u64,
    /// CreateFaceLivenessSession.
    pub create: OperationStats,
    /// GetFaceLivenessSessionResults.
    pub results: OperationStats,
    /// Sessions that were made.
    pub sessions_made: u64,
    /// Sessions that are remembered, expired ones too, as of the last call.
    pub sessions_remembered: usize,
    /// Creates that were answered with a session made before, by its token.
    pub replays: u64,
    /// Different tokens with which a session was made.
    pub distinct_tokens: u64,
    /// Calls whose signature was missing, unreadable, or wrong.
    pub refused_signatures: u64,
    /// Calls that are here and not yet answered, now.
    pub in_flight: usize,
}

/// What happened to one operation. `calls` is the sum of `admitted`,
/// `throttled` and the refused signatures that named it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationStats {
    /// Calls that reached it, whatever became of them.
    pub calls: u64,
    /// Calls within the quota.
    pub admitted: u64,
    /// Calls over the quota. Throttling by a fault or by chance is not here.
    pub throttled: u64,
    /// Scripted faults that were played.
    pub faults_played: u64,
    /// What the profile let go wrong by chance.
    pub mishaps: u64,
    /// Everything but a true success, by AWS's code, or by the fault's name
    /// where there is none (`html/503`, `reset`).
    pub errors: BTreeMap<String, u64>,
    /// The quota that is enforced.
    pub limit: Limit,
}

impl OperationStats {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(super) fn failed(&mut self, name: &str) {
        *self.errors.entry(name.to_owned()).or_default() += 1;
    }
}
