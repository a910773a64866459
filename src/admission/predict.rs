//! How long a newcomer would wait: the arithmetic of the queue's prediction.
//!
//! The request at place `p` of its caller's line leaves after `p` slots of that
//! caller and those that the others get meanwhile. Another caller gets at most
//! its own share (`p`, weighted), and no more than it has: those that wait, and
//! those that will arrive within the wait. So the wait stands on both sides, and
//! is found by going round until it stays. A caller of which nobody waits just
//! now counts too: its next request goes before the newcomer's line.
//!
//! How many arrive is chance. Where more come than there are slots, everyone who is
//! let in stands near the end of what fits, so the forecast allows for more than
//! the mean, and 43 of 44 newcomers wait no longer than foretold: one who waits in
//! vain is worse off than one who is refused at once. Where what came of late can
//! be a crowd by chance, it will pass, and hardly anyone stands so far back: there
//! the mean is gone by, or many would be refused who fit.
//!
//! An example: 10 calls a second. `p` is 5; one other has 3 waiting and brings 1
//! a second, another has 50 waiting and brings 20: more than there are slots, and
//! not by chance. The first gets 3 + 1 x wait, the second 5.
//! 5 + 3 + 5 = 13 slots are 1.3 s, in which the first brings 1.3 more, by chance
//! twice that: 15.6 slots. In the 1.56 s that these take it brings more again, and
//! so on to 1.62 s: that stays.

use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::ArrivalRate;
use super::caller_queue::CallerQueue;
use super::caller_rate_limit::CallerRateLimit;
use super::clock::wait_of;

/// Going round is over after so many times; each adds less than the one before.
const ROUNDS: usize = 16;

/// How many standard deviations of what chance brings are allowed for where too
/// many come. Fewer let more requests wait in vain, more refuse some that fit.
/// What it comes to is printed by
/// `cargo test --test admission_simulation -- --nocapture`.
const ALLOWANCE: f64 = 2.0;

/// From how many standard deviations on a surplus of arrivals over slots is taken
/// to be more than chance, and at how many it surely is.
const SURPLUS: (f64, f64) = (1.0, 3.0);

/// What slots there are, and will be.
#[derive(Clone, Copy, Debug)]
pub struct Availability {
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
    CallerLimit,
}

/// Another caller, as the newcomer sees it.
pub(super) struct Competitor<'a> {
    waiting: f64,
    arrivals_per_second: f64,
    /// The most slots it gets while the newcomer's line gets up to the newcomer.
    share: f64,
    ceiling: Option<&'a CallerRateLimit>,
    now: Instant,
}

impl<'a> Competitor<'a> {
    /// The caller of `line`; `None` where it has nobody and nobody is expected.
    pub(super) fn new(
        line: &'a CallerQueue,
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

/// A newcomer, as its own line sees it.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    /// Its place in the line.
    pub(super) place: usize,
    /// How long the caller's own ceiling holds it.
    pub(super) held_for: Duration,
    /// How often its caller comes.
    pub(super) arrivals_per_second: f64,
}

/// The wait of `newcomer` among `competitors`.
pub(super) fn predict(
    newcomer: Candidate,
    competitors: &[Competitor<'_>],
    availability: Availability,
) -> Prediction {
    let others: f64 = competitors
        .iter()
        .map(|competitor| competitor.arrivals_per_second)
        .sum();
    let allowance = allowance(newcomer.arrivals_per_second + others, availability);
    let mut wait = Duration::ZERO;
    for _ in 0..ROUNDS {
        let longer = wait_for(newcomer.place, competitors, availability, wait, allowance);
        let settled = longer <= wait + wait / 100;
        wait = longer;
        if settled {
            break;
        }
    }
    if newcomer.held_for > wait {
        Prediction {
            wait: newcomer.held_for,
            cause: Cause::CallerLimit,
        }
    } else {
        Prediction {
            wait,
            cause: Cause::Quota,
        }
    }
}

/// How many standard deviations to allow for, where `arrivals` come a second.
fn allowance(arrivals: f64, availability: Availability) -> f64 {
    let surplus = arrivals - availability.rate;
    if surplus <= 0.0 {
        return 0.0;
    }
    let (chance, certain) = SURPLUS;
    let deviations = surplus / ArrivalRate::deviation_of(arrivals);
    ALLOWANCE * ((deviations - chance) / (certain - chance)).clamp(0.0, 1.0)
}

/// How long the slots take to come that are given within `wait`.
fn wait_for(
    place: usize,
    competitors: &[Competitor<'_>],
    availability: Availability,
    wait: Duration,
    allowance: f64,
) -> Duration {
    let mut slots = place as f64;
    let mut variance = 0.0;
    for competitor in competitors {
        let taken = competitor.slots_within(wait);
        slots += taken.mean;
        variance += taken.variance;
    }
    // Where hardly anyone is expected, at most as many again are allowed for, or
    // whoever has little time would always be refused.
    slots += (allowance * variance.sqrt()).min(variance);
    time_for(slots, availability)
}

/// How long it takes until there have been so many slots.
pub(super) fn time_for(slots: f64, availability: Availability) -> Duration {
    wait_of((slots - availability.level) / availability.rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVAILABILITY: Availability = Availability {
        level: 0.0,
        rate: 10.0,
    };

    /// What the fifth of its line is told beside two others: one with 3 waiting, who
    /// brings 1 a second, and one with 50, who brings `crowd`.
    fn foreseen_beside(crowd: f64) -> f64 {
        let competitor = |waiting, arrivals_per_second| Competitor {
            waiting,
            arrivals_per_second,
            share: 5.0,
            ceiling: None,
            now: Instant::now(),
        };
        let fifth = Candidate {
            place: 5,
            held_for: Duration::ZERO,
            arrivals_per_second: 0.0,
        };
        let foreseen = predict(
            fifth,
            &[competitor(3.0, 1.0), competitor(50.0, crowd)],
            AVAILABILITY,
        );
        assert_eq!(foreseen.cause, Cause::Quota);
        foreseen.wait.as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn the_example_above_holds() {
        let wait = foreseen_beside(20.0);
        assert!((wait - 1.62).abs() < 0.01, "{wait}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_may_be_chance_is_expected_to_pass() {
        let wait = foreseen_beside(9.0);
        assert!((wait - 1.44).abs() < 0.01, "the mean alone: {wait}");
    }

    #[test]
    fn where_nobody_comes_nothing_is_allowed_for() {
        assert!(allowance(0.0, AVAILABILITY).abs() < f64::EPSILON);
        assert!((allowance(1e9, AVAILABILITY) - ALLOWANCE).abs() < f64::EPSILON);
    }
}
