//! Admission.

mod policy;

pub use policy::{CallerPolicies, CallerPolicy, Weight};

use std::num::NonZeroU32;
use std::time::Duration;

/// The quota of one operation, and how long a request may wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaSettings {
    /// AWS's quota, in calls a second; above 0, at most 10,000.
    pub rate_per_second: f64,
    /// How many calls may be released at once after idleness.
    pub burst: NonZeroU32,
    /// The share of the quota that is ours to spend: above 0, at most 1.
    pub headroom: f64,
    /// The longest a request waits, whatever its deadline.
    pub max_wait: Duration,
}
