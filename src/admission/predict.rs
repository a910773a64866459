//! How long a newcomer would wait: the arithmetic of the queue's prediction.
//!
//! The request at place `p` of its caller's line leaves after `p` slots of that
//! caller and those that the others get meanwhile. Another caller gets at most
//! its own share (`p`, weighted), and no more than it has: those that wait, and
//! those that will arrive within the wait. So the wait stands on both sides, and
//! is found by going round until it stays.
//!
//! An example: 10 calls a second. `p` is 5; one other has 3 waiting and brings 1
//! a second, another has 50 waiting. The first gets 3 + 1 x wait, the second 5.
//! 5 + 3 + 5 = 13 slots are 1.3 s, in which the first brings 1.3 more, so 1.43 s;
//! that stays.

use std::time::Duration;

use tokio::time::Instant;

use super::ceiling::Ceiling;
use super::line::Line;

/// Going round is over after so many times; each adds less than the one before.
const ROUNDS: usize = 16;

/// What slots there are, and will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supply {
    /// Slots that can be had now, in parts too.
    pub(super) level: f64,
    /// Slots a second from now on.
    pub(super) rate: f64,
}

/// What was foreseen for a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prediction {
    /// How long it would wait.
    pub(super) wait: Duration,
    /// What makes it wait.
    pub(super) cause: Cause,
}

/// What makes a newcomer wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The quota that all share.
    Quota,
    /// The caller's own ceiling.
    CallerCeiling,
}

/// Another caller with work, as the newcomer sees it.
pub(super) struct Rival<'a> {
    waiting: f64,
    arrivals: f64,
    /// The most slots it gets while the newcomer's line gets up to the newcomer.
    share: f64,
    ceiling: Option<&'a Ceiling>,
    now: Instant,
}

impl<'a> Rival<'a> {
    pub(super) fn new(line: &'a Line, newcomers_weight: f64, place: usize, now: Instant) -> Self {
        Self {
            waiting: line.live() as f64,
            arrivals: line.arrivals_per_second(now),
            share: place as f64 * line.weight() / newcomers_weight,
            ceiling: line.ceiling(),
            now,
        }
    }

    fn slots_within(&self, wait: Duration) -> f64 {
        let work = self.waiting + self.arrivals * wait.as_secs_f64();
        let allowed = self
            .ceiling
            .map_or(f64::INFINITY, |c| c.allows_by(self.now, wait));
        work.min(self.share).min(allowed)
    }
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
        let slots = place as f64 + rivals.iter().map(|r| r.slots_within(wait)).sum::<f64>();
        let longer = Duration::from_secs_f64(((slots - supply.level) / supply.rate).max(0.0));
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
