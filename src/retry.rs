//! Retry.

use std::num::NonZeroU32;
use std::time::Duration;

/// When an attempt is repeated, and when no more.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// The most attempts for one request, the first one included.
    pub max_attempts: NonZeroU32,
    /// The upper bound of the first delay; it doubles with each retry.
    pub base_delay: Duration,
    /// The upper bound of any delay.
    pub max_delay: Duration,
    /// Retries allowed for each success.
    pub budget_ratio: f64,
    /// Retries allowed for each second, besides.
    pub budget_floor_per_second: f64,
}
