//! The limits of each caller, and the bounds on the queue of all callers.
//!
//! A caller without an entry of its own uses the most specific pattern that
//! matches its name, or else the default limits. Weights and rate limits hold on all
//! replicas together. The callers of a pattern have one weight and one rate limit as a
//! whole, and take turns equally.
//!
//! For example, `payments` has weight 3 and every other caller has weight 1. While
//! `payments` and two others all wait, 3 of each 5 calls go to `payments` and 1 to
//! each other caller. While only `payments` waits, it gets all 5.

use std::num::NonZeroU32;

use crate::model::PerCaller;

/// A caller's share relative to the other callers: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(u32);

impl Weight {
    /// The greatest weight.
    pub const MAX: u32 = 100;

    /// Returns a weight if `weight` is 1 to 100.
    #[must_use]
    pub fn new(weight: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&weight).then_some(Self(weight))
    }

    /// Returns the weight as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    /// 1, the lowest weight.
    fn default() -> Self {
        Self(1)
    }
}

/// Whether a rate limit refuses calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxRateMode {
    /// Calls beyond the limit wait or are refused.
    #[default]
    Enforce,
    /// Calls beyond the limit are counted and go on, under the shared quota.
    Shadow,
}

/// The share and the rate limit of one caller, or of all callers of a pattern together,
/// and the queue bound of each caller.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerLimits {
    /// The share of the quota while other callers wait too.
    pub weight: Weight,
    /// The most calls a second, even while quota is left over: 0.001 to 10,000.
    /// `None` sets no limit.
    pub max_rate_per_second: Option<f64>,
    /// Whether that limit refuses calls.
    pub max_rate_mode: MaxRateMode,
    /// The most requests that wait at once, 1 to 100,000.
    pub max_waiting: NonZeroU32,
}

impl Default for CallerLimits {
    /// Weight 1, no rate limit, 1000 waiting requests.
    fn default() -> Self {
        Self {
            weight: Weight::default(),
            max_rate_per_second: None,
            max_rate_mode: MaxRateMode::default(),
            max_waiting: count(1000),
        }
    }
}

/// The limits of all callers, and the bounds on all of them together.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// The limits of each caller.
    pub limits: PerCaller<CallerLimits>,
    /// The most callers without a named entry that have a queue of their own at
    /// once, 1 to 10,000. Callers that match a pattern count.
    pub max_callers: NonZeroU32,
    /// The most requests of all callers that wait at once, 1 to 1,000,000.
    pub max_waiting: NonZeroU32,
}

impl Default for QueueSettings {
    /// No named callers, 1000 callers, 10,000 waiting requests.
    fn default() -> Self {
        Self {
            limits: PerCaller::default(),
            max_callers: count(1000),
            max_waiting: count(10_000),
        }
    }
}

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("the defaults above are not zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_1_to_100() {
        assert_eq!(Weight::new(0), None);
        assert_eq!(Weight::new(1), Some(Weight::default()));
        assert_eq!(Weight::new(100).map(Weight::get), Some(100));
        assert_eq!(Weight::new(101), None);
    }
}
