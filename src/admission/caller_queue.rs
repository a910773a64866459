//! The queue of one caller: first in, first out, except that retries enter at the
//! head.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::ArrivalRate;
use super::caller_group::GroupKey;
use super::queue::ArrivalKind;
use super::shared::CallerDigest;
use super::turns::Deficit;
use super::waiters::QueueLinks;

/// The longest delay that a refusal asks for.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The waiting requests of one caller, and the caller's state.
#[derive(Debug)]
pub(super) struct CallerQueue {
    pub(super) links: QueueLinks,
    pub(super) group: GroupKey,
    pub(super) digest: CallerDigest,
    /// The part of the caller that counts on this replica: 1 / (replicas that it waits on).
    pub(super) share: f64,
    pub(super) max_waiting: NonZeroU32,
    pub(super) deficit: Deficit,
    /// Whether the queue is in the round of its group.
    pub(super) scheduled: bool,
    arrivals: ArrivalRate,
    /// The latest instant for which a refusal asked this caller to retry.
    last_retry_at: Instant,
}

impl CallerQueue {
    pub(super) fn new(
        group: GroupKey,
        digest: CallerDigest,
        max_waiting: NonZeroU32,
        now: Instant,
    ) -> Self {
        Self {
            links: QueueLinks::default(),
            group,
            digest,
            share: 1.0,
            max_waiting,
            deficit: Deficit::default(),
            scheduled: false,
            arrivals: ArrivalRate::new(now),
            last_retry_at: now,
        }
    }

    /// Notes that the queue is not in a round.
    pub(super) fn leave_round(&mut self) {
        self.deficit = Deficit::default();
        self.scheduled = false;
    }

    /// Returns how many requests wait.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.max_waiting.get() as usize
    }

    /// Returns whether the queue is empty, and its caller sends no more.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.len() == 0 && !self.scheduled && self.arrivals.is_idle(now)
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
