//! How the quota is shared among callers, and how many of them may stand in line.
//!
//! A caller that is not named has the policy of the most specific form of its name,
//! or else the default one. An example: `payments`
//! has weight 3, everyone else weight 1. While `payments` and two others all
//! wait, of 5 calls 3 are for `payments` and 1 for each other; where nobody
//! else waits, all 5 are for `payments`.

use std::num::NonZeroU32;

use crate::model::PerCaller;

/// A caller's share against the others: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(u32);

impl Weight {
    /// The greatest weight.
    pub const MAX: u32 = 100;

    /// A weight, where `weight` is 1 to 100.
    #[must_use]
    pub fn new(weight: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&weight).then_some(Self(weight))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    /// 1: the same share as everyone.
    fn default() -> Self {
        Self(1)
    }
}

/// What one caller may take, and how long its line may be.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerLimits {
    /// Its share of the quota while others wait too.
    pub weight: Weight,
    /// The most calls a second it is given even where quota is left over: 0.001
    /// to 10,000. `None`: whatever is left over.
    pub max_rate_per_second: Option<f64>,
    /// The most of its requests that wait at once, 1 to 100,000.
    pub max_waiting: NonZeroU32,
}

impl Default for CallerLimits {
    /// Weight 1, no rate of its own, 1000 waiting.
    fn default() -> Self {
        Self {
            weight: Weight::default(),
            max_rate_per_second: None,
            max_waiting: count(1000),
        }
    }
}

/// The policies of all callers, and the bounds on all of them together.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Of each caller. A pattern can match any number of callers, so `max_callers`
    /// counts them.
    pub limits: PerCaller<CallerLimits>,
    /// The most distinct callers that are kept apart at once, 1 to 10,000.
    pub max_callers: NonZeroU32,
    /// The most requests that wait at once, of all callers, 1 to 1,000,000.
    pub max_waiting: NonZeroU32,
}

impl Default for QueueSettings {
    /// Nobody named, 1000 callers, 10,000 waiting.
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
