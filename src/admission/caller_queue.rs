//! The queue of one caller: first in, first out, except that retries enter at the
//! head.

use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::ArrivalRate;
use super::caller_rate_limit::CallerRateLimit;
use super::limits::CallerLimits;
use super::queue::ArrivalKind;
use super::waiters::QueueLinks;

/// The longest delay that a refusal asks for.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The waiting requests of one caller, and the caller's state.
#[derive(Debug)]
pub(super) struct CallerQueue {
    pub(super) links: QueueLinks,
    weight: u32,
    max_waiting: usize,
    rate_limit: Option<CallerRateLimit>,
    /// The deficit counter: how many more quota tokens it may take in this round.
    deficit: u32,
    /// Whether the queue is in the round, or rate limited and waiting to return to it.
    pub(super) scheduled: bool,
    arrivals: ArrivalRate,
    /// The latest instant for which a refusal asked this caller to retry.
    last_retry_at: Instant,
}

impl CallerQueue {
    pub(super) fn new(limits: &CallerLimits, now: Instant) -> Self {
        Self {
            links: QueueLinks::default(),
            weight: limits.weight.get(),
            max_waiting: limits.max_waiting.get() as usize,
            rate_limit: limits
                .max_rate_per_second
                .map(|rate| CallerRateLimit::new(now, rate)),
            deficit: 0,
            scheduled: false,
            arrivals: ArrivalRate::new(now),
            last_retry_at: now,
        }
    }

    /// Uses `limits` from now on. All waiting requests stay.
    pub(super) fn apply(&mut self, limits: &CallerLimits, now: Instant) {
        self.weight = limits.weight.get();
        self.max_waiting = limits.max_waiting.get() as usize;
        self.deficit = self.deficit.min(self.weight);
        self.rate_limit = match (self.rate_limit.take(), limits.max_rate_per_second) {
            (Some(limit), Some(rate)) => Some(limit.with_rate(now, rate)),
            (None, rate) => rate.map(|rate| CallerRateLimit::new(now, rate)),
            (Some(_), None) => None,
        };
    }

    /// Returns how many requests wait.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn weight(&self) -> f64 {
        f64::from(self.weight)
    }

    pub(super) fn rate_limit(&self) -> Option<&CallerRateLimit> {
        self.rate_limit.as_ref()
    }

    /// Returns how long the rate limit delays the next `calls` calls.
    pub(super) fn rate_limited_for(&self, now: Instant, calls: usize) -> Duration {
        self.rate_limit()
            .map_or(Duration::ZERO, |limit| limit.wait_for(now, calls))
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.max_waiting
    }

    /// Returns whether the queue can be dropped: it is empty, its caller sends no
    /// more, and a new queue would not reset an exhausted rate limit.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let exhausted = !self.rate_limited_for(now, 1).is_zero();
        self.len() == 0 && !self.scheduled && !exhausted && self.arrivals.is_idle(now)
    }

    /// Returns the position that a request would have now: 1 is the head.
    pub(super) fn position(&self, kind: ArrivalKind) -> usize {
        match kind {
            ArrivalKind::New => self.len() + 1,
            ArrivalKind::Retry => 1,
        }
    }

    /// Counts an arrival, whether it is admitted or refused.
    pub(super) fn record_arrival(&mut self, now: Instant) {
        self.arrivals.record(now);
    }

    pub(super) fn arrivals(&self) -> &ArrivalRate {
        &self.arrivals
    }

    /// Charges the caller for a quota token, and returns whether its turn is over.
    pub(super) fn charge(&mut self, now: Instant) -> bool {
        if let Some(limit) = &mut self.rate_limit {
            limit.take(now);
        }
        if self.deficit == 0 {
            self.deficit = self.weight;
        }
        self.deficit -= 1;
        self.deficit == 0
    }

    /// Forfeits the rest of the caller's turn.
    pub(super) fn end_turn(&mut self) {
        self.deficit = 0;
    }

    /// Returns whether a refusal asked the caller to retry later than `now`.
    pub(super) fn expects_retry(&self, now: Instant) -> bool {
        self.last_retry_at > now
    }

    /// Returns the retry delay of a refusal: at least `earliest`, and `gap` after the
    /// previous one, so that the caller's retries do not all come at once.
    pub(super) fn retry_after(
        &mut self,
        now: Instant,
        earliest: Duration,
        gap: Duration,
    ) -> Duration {
        let next = (self.last_retry_at + gap).max(now + earliest.max(gap));
        self.last_retry_at = next.min(now + MAX_RETRY_AFTER);
        self.last_retry_at - now
    }
}
