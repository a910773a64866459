//! The queue of one caller: first in, first out, except that retries enter at the
//! head.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::ArrivalRate;
use super::caller_group::GroupKey;
use super::queue::ArrivalKind;
use super::shared::CallerDigest;
use super::turns::Deficit;

/// The longest delay that a refusal asks for. Without it
/// `retry_delays_are_a_token_of_the_callers_share_apart_and_at_most_30_s` fails.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The waiting requests of one caller, and the caller's state.
#[derive(Debug)]
pub(super) struct CallerQueue<T> {
    /// By number, in order. A number is used once, so that it identifies a request.
    pub(super) requests: BTreeMap<i64, T>,
    /// The lowest and the highest number so far.
    used: (i64, i64),
    pub(super) group: GroupKey,
    pub(super) digest: CallerDigest,
    /// The part of the caller that counts on this replica: 1 / (replicas that it waits on).
    pub(super) share: f64,
    pub(super) max_waiting: NonZeroU32,
    pub(super) deficit: Deficit,
    /// Whether the queue is in the round of its group.
    pub(super) scheduled: bool,
    pub(super) arrivals: ArrivalRate,
    /// How long the request waited that received a quota token last.
    pub(super) last_wait: Duration,
    /// The latest instant for which a refusal asked this caller to retry.
    last_retry_at: Instant,
}

impl<T> CallerQueue<T> {
    pub(super) fn new(
        group: GroupKey,
        digest: CallerDigest,
        max_waiting: NonZeroU32,
        now: Instant,
    ) -> Self {
        Self {
            requests: BTreeMap::new(),
            used: (0, 0),
            group,
            digest,
            share: 1.0,
            max_waiting,
            deficit: Deficit::default(),
            scheduled: false,
            arrivals: ArrivalRate::new(now),
            last_wait: Duration::ZERO,
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
        self.requests.len()
    }

    /// Returns the retry and the new request that entered first. Retries have negative
    /// numbers, and the first one has the highest.
    pub(super) fn first_entered(&self) -> impl Iterator<Item = &T> {
        let retry = self.requests.range(..0).next_back();
        let new = self.requests.range(0..).next();
        retry.into_iter().chain(new).map(|(_, request)| request)
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

    /// Enters a request, and returns its number.
    pub(super) fn push(&mut self, kind: ArrivalKind, request: T) -> i64 {
        let (lowest, highest) = self.used;
        let number = match kind {
            ArrivalKind::New => highest + 1,
            ArrivalKind::Retry => lowest - 1,
        };
        self.used = (lowest.min(number), highest.max(number));
        self.requests.insert(number, request);
        number
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
