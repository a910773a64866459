//! One caller's line: first come, first served, but retries at its head.

use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::ArrivalRate;
use super::caller_rate_limit::CallerRateLimit;
use super::limits::CallerLimits;
use super::queue::ArrivalKind;
use super::waiters::QueueLinks;

/// A hint never sends anyone away for longer.
pub(super) const LONGEST_HINT: Duration = Duration::from_secs(30);

/// The requests of one caller that wait, and what is known of the caller.
#[derive(Debug)]
pub(super) struct CallerQueue {
    pub(super) row: QueueLinks,
    weight: u32,
    max_waiting: usize,
    ceiling: Option<CallerRateLimit>,
    /// How many more slots of this round are its own.
    turn: u32,
    /// Whether the queue holds a place for it, in the round or held back.
    pub(super) placed: bool,
    arrivals: ArrivalRate,
    hinted_until: Instant,
}

impl CallerQueue {
    pub(super) fn new(policy: &CallerLimits, now: Instant) -> Self {
        Self {
            row: QueueLinks::default(),
            weight: policy.weight.get(),
            max_waiting: policy.max_waiting.get() as usize,
            ceiling: policy
                .max_rate_per_second
                .map(|rate| CallerRateLimit::starting(now, rate)),
            turn: 0,
            placed: false,
            arrivals: ArrivalRate::starting(now),
            hinted_until: now,
        }
    }

    /// Takes on another policy; nobody in the line is lost.
    pub(super) fn apply(&mut self, policy: &CallerLimits, now: Instant) {
        self.weight = policy.weight.get();
        self.max_waiting = policy.max_waiting.get() as usize;
        self.turn = self.turn.min(self.weight);
        self.ceiling = match (self.ceiling.take(), policy.max_rate_per_second) {
            (Some(ceiling), Some(rate)) => Some(ceiling.at_rate(now, rate)),
            (None, rate) => rate.map(|rate| CallerRateLimit::starting(now, rate)),
            (Some(_), None) => None,
        };
    }

    /// How many wait.
    pub(super) fn live(&self) -> usize {
        self.row.len()
    }

    pub(super) fn weight(&self) -> f64 {
        f64::from(self.weight)
    }

    pub(super) fn ceiling(&self) -> Option<&CallerRateLimit> {
        self.ceiling.as_ref()
    }

    pub(super) fn is_full(&self) -> bool {
        self.live() >= self.max_waiting
    }

    /// Whether the caller is gone, and would gain nothing by a line made anew.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let spent = self
            .ceiling()
            .is_some_and(|c| !c.wait_for(now, 1).is_zero());
        self.live() == 0 && !self.placed && !spent && self.arrivals.is_over(now)
    }

    /// The place that a request entering now would have: 1 is the head.
    pub(super) fn place(&self, entry: ArrivalKind) -> usize {
        match entry {
            ArrivalKind::New => self.live() + 1,
            ArrivalKind::Retry => 1,
        }
    }

    /// Counts an arrival, whatever becomes of it.
    pub(super) fn arrive(&mut self, now: Instant) {
        self.arrivals.count(now);
    }

    pub(super) fn arrivals(&self) -> &ArrivalRate {
        &self.arrivals
    }

    /// Pays for a slot that was given; says whether the line's turn is over.
    pub(super) fn pay(&mut self, now: Instant) -> bool {
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.spend(now);
        }
        if self.turn == 0 {
            self.turn = self.weight;
        }
        self.turn -= 1;
        self.turn == 0
    }

    /// Gives up what is left of the line's turn.
    pub(super) fn end_turn(&mut self) {
        self.turn = 0;
    }

    /// Whether somebody was told to come back later than `now`.
    pub(super) fn is_told_to_return(&self, now: Instant) -> bool {
        self.hinted_until > now
    }

    /// When to come back: not before `earliest`, and `gap` after the caller that
    /// was last told so.
    pub(super) fn hint(&mut self, now: Instant, earliest: Duration, gap: Duration) -> Duration {
        let next = (self.hinted_until + gap).max(now + earliest.max(gap));
        self.hinted_until = next.min(now + LONGEST_HINT);
        self.hinted_until - now
    }
}
