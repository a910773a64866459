//! The settings of a simulator, fixed when it starts.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::check_outcome::CheckOutcome;
use super::fault::Fault;
use super::limit::Limit;
use super::profile::Profile;

/// The settings of a simulator. The default behaves like AWS in us-east-1 without
/// random faults.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Latency and random faults. Default: [`Profile::Default`].
    pub profile: Profile,
    /// Quota of `CreateFaceLivenessSession`. Default: 25 calls per second, burst 25.
    pub create: Limit,
    /// Quota of `GetFaceLivenessSessionResults`. Default: 25 calls per second, burst 25.
    pub results: Limit,
    /// Quota of `StartFaceLivenessSession`. Default: 25 calls per second, burst 25.
    pub start: Limit,
    /// Latency of a call, drawn uniformly. Default: the latency of the profile. Calls
    /// over the quota and calls with an invalid signature get an immediate response.
    pub latency: Option<RangeInclusive<Duration>>,
    /// Faults that are queued for the first calls. Default: none.
    pub faults: Vec<Fault>,
    /// Seed of latency, random faults and session ids. Request ids do not depend on
    /// it. Default: 0.
    pub seed: u64,
    /// The ages at which a session changes its status.
    pub lifetimes: Lifetimes,
    /// The checks that devices play over `StartFaceLivenessSession`.
    pub checks: CheckSettings,
}

/// The rules of checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckSettings {
    /// The number of checks under way at the same time; further ones fail with
    /// `ServiceQuotaExceededException`. Default: 75, as at AWS in us-east-1.
    pub concurrent: usize,
    /// Whether a session without a stream stays CREATED until it expires. By default, it
    /// changes its status with its age.
    pub require_streams: bool,
    /// The outcome of every check. Default: it depends on the serial number of the session.
    pub outcome: Option<CheckOutcome>,
    /// The thresholds that the client applies. Default: [`Thresholds::Strict`].
    pub thresholds: Thresholds,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            concurrent: 75,
            require_streams: false,
            outcome: None,
            thresholds: Thresholds::default(),
        }
    }
}

/// How precisely the face must match the oval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Thresholds {
    /// The face must start at a distance, then match the oval.
    #[default]
    Strict,
    /// A face that stands still passes, near or far: for a camera that shows a photograph.
    Lenient,
}

/// The ages at which a session changes its status, counted from its creation.
///
/// ```text
/// 0 CREATED -> in_progress -> finished -------------> expired -> forgotten
///              IN_PROGRESS    SUCCEEDED or FAILED     EXPIRED    not found
/// ```
///
/// A stream takes over its session: the session is IN_PROGRESS while the stream is open,
/// and SUCCEEDED or FAILED after it.
///
/// If several ages are reached, the last in this order applies: a session with
/// `expired` less than `finished` never becomes SUCCEEDED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Age at which the check begins. Default: 2 s.
    pub in_progress: Duration,
    /// Age at which the check ends. Default: 5 s.
    pub finished: Duration,
    /// Age at which the session expires and its result becomes unavailable. Default:
    /// 180 s, as at AWS.
    pub expired: Duration,
    /// Age at which the session and its `ClientRequestToken` are deleted. Default: 480 s;
    /// AWS publishes no value.
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
