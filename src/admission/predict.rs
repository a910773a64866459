//! How long a newcomer would wait: the arithmetic of the queue's prediction.
//!
//! The request at place `p` of its caller's line leaves after `p` slots of that
//! caller and those that the others get meanwhile. Another caller gets at most
//! its own share (`p`, weighted), and no more than it has: those that wait, and
//! those that will arrive within the wait. So the wait stands on both sides, and
//! is found by going round until it stays. A caller of which nobody waits just
//! now counts too: its next request goes before the newcomer's line.
//!
//! How many arrive is chance. The forecast allows for more than the mean, so that
//! 27 of 28 newcomers wait no longer than foretold: one who is let in and waits
//! in vain is worse off than one who is refused at once.
//!
//! An example: 10 calls a second. `p` is 5; one other has 3 waiting and brings 1
//! a second, another has 50 waiting. The first gets 3 + 1 x wait, the second 5.
//! 5 + 3 + 5 = 13 slots are 1.3 s, in which the first brings 1.3 more, by chance
//! twice that: 15.6 slots. In the 1.56 s that these take it brings more again, and
//! so on to 1.62 s: that stays.

use std::time::Duration;

use tokio::time::Instant;

use super::ceiling::Ceiling;
use super::clock::wait_of;
use super::line::Line;

/// Going round is over after so many times; each adds less than the one before.
const ROUNDS: usize = 16;

/// How many standard deviations of what chance brings are allowed for. Fewer let
/// more requests wait in vain where there are too many, more refuse some that fit.
/// What it comes to is printed by
/// `cargo test --release --test admission_simulation -- --nocapture`.
const ALLOWANCE: f64 = 1.8;

/// What slots there are, and will be.
#[derive(Clone, Copy, Debug)]
pub struct Supply {
    /// Slots that can be had now, in parts too.
    pub level: f64,
    /// Slots a second from now on.
    pub rate: f64,
}

/// What was foreseen for a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// How long it would wait.
    pub wait: Duration,
    /// What makes it wait.
    pub cause: Cause,
}

/// What makes a newcomer wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The quota that all share.
    Quota,
    /// The caller's own ceiling.
    CallerCeiling,
}

/// Another caller, as the newcomer sees it.
pub(super) struct Rival<'a> {
    waiting: f64,
    arrivals_per_second: f64,
    /// The most slots it gets while the newcomer's line gets up to the newcomer.
    share: f64,
    ceiling: Option<&'a Ceiling>,
    now: Instant,
}

impl<'a> Rival<'a> {
    /// The caller of `line`; `None` where it has nobody and nobody is expected.
    pub(super) fn new(
        line: &'a Line,
        newcomers_weight: f64,
        place: usize,
        now: Instant,
    ) -> Option<Self> {
        if line.live() == 0 && line.arrivals().is_over(now) {
            return None;
        }
        Some(Self {
            waiting: line.live() as f64,
            arrivals_per_second: line.arrivals().per_second(now),
            share: place as f64 * line.weight() / newcomers_weight,
            ceiling: line.ceiling(),
            now,
        })
    }

    /// The slots that it gets within `wait`: how many on average, and by how
    /// much chance varies that. Arrivals are taken to be independent, so that
    /// their variance is their mean; of those beyond its share none counts, so
    /// where twice its share arrives chance is out of it.
    fn slots_within(&self, wait: Duration) -> Slots {
        let allowed = self.ceiling.map_or(self.share, |ceiling| {
            // Half a call is not let through.
            self.share.min(ceiling.allows_by(self.now, wait).floor())
        });
        let arriving = self.arrivals_per_second * wait.as_secs_f64();
        let room = (allowed - self.waiting).max(0.0);
        Slots {
            mean: self.waiting.min(allowed) + arriving.min(room),
            variance: arriving.min((2.0 * room - arriving).max(0.0)),
        }
    }
}

#[derive(Clone, Copy)]
struct Slots {
    mean: f64,
    variance: f64,
}

/// The wait of a newcomer at `place` of its line, whose own ceiling holds it for
/// `own_wait`.
pub(super) fn predict(
    place: usize,
    rivals: &[Rival<'_>],
    supply: Supply,
    own_wait: Duration,
) -> Prediction {
    let mut wait = Duration::ZERO;
    for _ in 0..ROUNDS {
        let longer = wait_for(place, rivals, supply, wait);
        let settled = longer <= wait + wait / 100;
        wait = longer;
        if settled {
            break;
        }
    }
    if own_wait > wait {
        Prediction {
            wait: own_wait,
            cause: Cause::CallerCeiling,
        }
    } else {
        Prediction {
            wait,
            cause: Cause::Quota,
        }
    }
}

/// How long the slots take to come that are given within `wait`.
fn wait_for(place: usize, rivals: &[Rival<'_>], supply: Supply, wait: Duration) -> Duration {
    let mut slots = place as f64;
    let mut variance = 0.0;
    for rival in rivals {
        let taken = rival.slots_within(wait);
        slots += taken.mean;
        variance += taken.variance;
    }
    // Where hardly anyone is expected, at most as many again are allowed for, or
    // whoever has little time would always be refused.
    slots += (ALLOWANCE * variance.sqrt()).min(variance);
    time_for(slots, supply)
}

/// How long it takes until there have been so many slots.
pub(super) fn time_for(slots: f64, supply: Supply) -> Duration {
    wait_of((slots - supply.level) / supply.rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_example_above_holds() {
        let rival = |waiting, arrivals_per_second| Rival {
            waiting,
            arrivals_per_second,
            share: 5.0,
            ceiling: None,
            now: Instant::now(),
        };
        let supply = Supply {
            level: 0.0,
            rate: 10.0,
        };
        let foreseen = predict(
            5,
            &[rival(3.0, 1.0), rival(50.0, 0.0)],
            supply,
            Duration::ZERO,
        );
        assert_eq!(foreseen.cause, Cause::Quota);
        assert!((foreseen.wait.as_secs_f64() - 1.62).abs() < 0.01);
    }
}
