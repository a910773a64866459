//! How the quota is shared among callers, and how many of them may stand in line.
//!
//! A caller that is not named has the policy of the most specific form of its name,
//! or else the default one. An example: `payments`
//! has weight 3, everyone else weight 1. While `payments` and two others all
//! wait, of 5 calls 3 are for `payments` and 1 for each other; where nobody
//! else waits, all 5 are for `payments`.

use std::collections::HashMap;
use std::num::NonZeroU32;

use crate::session::words::{CallerGlobs, CallerId};

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
pub struct CallerPolicy {
    /// Its share of the quota while others wait too.
    pub weight: Weight,
    /// The most calls a second it is given even where quota is left over: 0.001
    /// to 10,000. `None`: whatever is left over.
    pub max_rate_per_second: Option<f64>,
    /// The most of its requests that wait at once, 1 to 100,000.
    pub max_waiting: NonZeroU32,
}

impl Default for CallerPolicy {
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
pub struct CallerPolicies {
    /// For a caller that is neither named nor of a form.
    pub default: CallerPolicy,
    /// For those that are named.
    pub named: HashMap<CallerId, CallerPolicy>,
    /// For each other one whose name is of a form. There can be any number of them,
    /// so `max_callers` counts them.
    pub globs: CallerGlobs<CallerPolicy>,
    /// The most distinct callers that are kept apart at once, 1 to 10,000.
    pub max_callers: NonZeroU32,
    /// The most requests that wait at once, of all callers, 1 to 1,000,000.
    pub max_waiting: NonZeroU32,
}

impl Default for CallerPolicies {
    /// Nobody named, 1000 callers, 10,000 waiting.
    fn default() -> Self {
        Self {
            default: CallerPolicy::default(),
            named: HashMap::new(),
            globs: CallerGlobs::default(),
            max_callers: count(1000),
            max_waiting: count(10_000),
        }
    }
}

impl CallerPolicies {
    /// The policy of `caller`: its own, that of a form of its name, or the default.
    #[must_use]
    pub fn of(&self, caller: &CallerId) -> &CallerPolicy {
        let named = self.named.get(caller).or_else(|| self.globs.of(caller));
        named.unwrap_or(&self.default)
    }
}

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("the defaults above are not zero")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::words::CallerGlob;

    #[test]
    fn a_weight_is_1_to_100() {
        assert_eq!(Weight::new(0), None);
        assert_eq!(Weight::new(1), Some(Weight::default()));
        assert_eq!(Weight::new(100).map(Weight::get), Some(100));
        assert_eq!(Weight::new(101), None);
    }

    #[test]
    fn a_caller_that_is_not_named_has_the_default_policy() {
        let payments = CallerId::new("payments").expect("a plain name");
        let own = CallerPolicy {
            weight: Weight(3),
            ..CallerPolicy::default()
        };
        let policies = CallerPolicies {
            named: HashMap::from([(payments.clone(), own.clone())]),
            ..CallerPolicies::default()
        };
        assert_eq!(policies.of(&payments), &own);
        assert_eq!(policies.of(&CallerId::anonymous()), &policies.default);
    }

    #[test]
    fn a_name_beats_a_form_of_it_and_a_form_the_default() {
        let weighing = |weight| CallerPolicy {
            weight: Weight(weight),
            ..CallerPolicy::default()
        };
        let caller = |name| CallerId::new(name).expect("a plain name");
        let glob = CallerGlob::parse("pay-*").expect("a form");
        let policies = CallerPolicies {
            named: HashMap::from([(caller("pay-1"), weighing(3))]),
            globs: CallerGlobs::new([(glob, weighing(2))]).expect("one"),
            ..CallerPolicies::default()
        };
        let weight = |name| policies.of(&caller(name)).weight.get();
        assert_eq!(["pay-1", "pay-2", "get-1"].map(weight), [3, 2, 1]);
    }
}
