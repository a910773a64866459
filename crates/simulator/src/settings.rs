//! What the simulator is told at its start.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::fault::Fault;
use super::limit::Limit;
use super::profile::Profile;

/// What the simulator is told at its start; the default is AWS in us-east-1 on
/// a good day.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How slow it is and what fails by chance. Default: `default`.
    pub profile: Profile,
    /// Quota of CreateFaceLivenessSession. Default: 25 a second, burst 25.
    pub create: Limit,
    /// Quota of GetFaceLivenessSessionResults. Default: 25 a second, burst 25.
    pub results: Limit,
    /// How long a call takes; unset: as the profile says. Calls that are over
    /// the quota, or not signed, are answered at once.
    pub latency: Option<RangeInclusive<Duration>>,
    /// Faults that wait for the first calls. Default: none.
    pub faults: Vec<Fault>,
    /// Where every draw comes from: latency, mishaps, session ids. Request ids
    /// are fresh each time. Default: 0.
    pub seed: u64,
    /// What becomes of a session, and when.
    pub lifetimes: Lifetimes,
}

/// The ages at which a session changes, all since it was made.
///
/// ```text
/// 0 CREATED -> in_progress -> finished -------------> expired -> forgotten
///              IN_PROGRESS    SUCCEEDED or FAILED     EXPIRED    not found
/// ```
///
/// An age that lies behind a later change never shows: a session that expires
/// before it is finished is never SUCCEEDED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// When its check begins. Default: 2 s.
    pub in_progress: Duration,
    /// When its check ends. Default: 5 s.
    pub finished: Duration,
    /// When it and its result are gone for the client. Default: 180 s, as at AWS.
    pub expired: Duration,
    /// When it and its token are forgotten. Default: 480 s; AWS's is not known.
    pub forgotten: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            in_progress: Duration::from_secs(2),
            finished: Duration::from_secs(5),
            expired: Duration::from_secs(180),
            forgotten: Duration::from_secs(480),
        }
    }
}
