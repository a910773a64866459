//! The limit of checks under way, as a rate of sessions.
//!
//! AWS bounds the checks that run at once and refuses the user's device beyond the bound.
//! When a check starts is up to its user, so starts are nearly a Poisson process, and the
//! [Erlang B formula](https://en.wikipedia.org/wiki/Erlang_(unit)#Erlang_B_formula) gives the
//! share of them that AWS refuses. This module inverts the formula: it returns the rate of
//! sessions at which that share is the target.
//!
//! For example, of 75 checks under way at a target of 2 %, the formula allows a load of
//! 63.9. With checks of 8 s and 70 % of sessions used, 63.9 / (8 s x 0.7) = 11.4 sessions a
//! second may be created. A place for each session until it expires would waste half of
//! the capacity.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limit of checks under way, and how sessions use it.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckLimit {
    /// AWS's limit of checks under way: 1 to 100,000.
    pub max_concurrent: NonZeroU32,
    /// The share of started checks that AWS may refuse: above 0, at most 0.5.
    pub target_refusals: f64,
    /// How long a check takes.
    pub typical_duration: Duration,
    /// The share of sessions whose users start a check: above 0, at most 1.
    pub started_share: f64,
}

impl CheckLimit {
    /// Returns how many sessions may be created per second.
    #[must_use]
    pub fn sessions_per_second(&self) -> f64 {
        let load = erlang(self.max_concurrent.get(), self.target_refusals);
        load / (self.typical_duration.as_secs_f64() * self.started_share)
    }
}

/// Returns the load of `places`, in Erlang, of which the share `blocked` is refused.
fn erlang(places: u32, blocked: f64) -> f64 {
    // The load that is carried is at most the number of places.
    let (mut low, mut high) = (0.0, f64::from(places) / (1.0 - blocked));
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if blocked_share(places, middle) < blocked {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The Erlang B formula, in its recursive form.
fn blocked_share(places: u32, load: f64) -> f64 {
    let next = |blocked: f64, places| load * blocked / (f64::from(places) + load * blocked);
    (1..=places).fold(1.0, next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_load_agrees_with_published_tables() {
        for (places, blocked, load) in [
            (1, 0.02, 0.0204),
            (10, 0.01, 4.461),
            (15, 0.02, 9.010),
            (20, 0.05, 15.25),
            (100, 0.01, 84.06),
        ] {
            let found = erlang(places, blocked);
            assert!(
                (found / load - 1.0).abs() < 0.001,
                "{places} {blocked}: {found}"
            );
        }
    }

    #[test]
    fn the_documented_example_holds() {
        let limit = CheckLimit {
            max_concurrent: NonZeroU32::new(75).expect("not zero"),
            target_refusals: 0.02,
            typical_duration: Duration::from_secs(8),
            started_share: 0.7,
        };
        assert!(
            (erlang(75, 0.02) - 63.9).abs() < 0.05,
            "{}",
            erlang(75, 0.02)
        );
        let rate = limit.sessions_per_second();
        assert!((rate - 11.4).abs() < 0.05, "{rate}");
    }

    proptest! {
        #[test]
        fn the_load_has_the_target_and_grows_with_the_places(
            places in 1_u32..2000,
            blocked in 0.0001_f64..0.5,
        ) {
            let load = erlang(places, blocked);
            prop_assert!(load > 0.0 && load * (1.0 - blocked) <= f64::from(places));
            prop_assert!((blocked_share(places, load) - blocked).abs() < 1e-6);
            prop_assert!(erlang(places + 1, blocked) > load);
        }
    }
}
