//! The fair queue of one operation: a pure state machine without tasks, channels or
//! a clock.
//!
//! It decides which request gets the next quota token and predicts how long a new
//! request would wait. Each caller has a queue of its own. The queues take turns by
//! [deficit round robin](https://en.wikipedia.org/wiki/Deficit_round_robin): in each
//! *round*, every queue with waiting requests gets as many tokens as its weight. A
//! queue whose caller is at its own rate limit is *rate limited*: it leaves the round
//! until the limit allows the next call.
//!
//! For example, `a` (weight 2) has 4 waiting requests and `b` (weight 1) has 2. The
//! next six tokens go to a a b a a b. A seventh request, of `b`, would be third in its
//! queue. While `b` gets three tokens, `a` gets at most its 4, so the request is
//! predicted to get the 7th token.
//!
//! [`push`](VacantPosition::push), [`pop`](FairQueue::pop) and
//! [`remove`](FairQueue::remove) cost the same with 100 and with 100,000 waiting
//! requests. So do [`predict`](FairQueue::predict) and
//! [`retry_after`](FairQueue::retry_after), which are linear in the recent *callers*.

mod overtaken;
mod retry_after;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tokio::time::Instant;

use super::caller_queues::CallerQueues;
use super::limits::QueueSettings;
use super::predict::{self, Candidate, Competitor};
use super::waiters::Waiters;
use crate::model::CallerId;

pub use super::caller_queues::QueueKey;
pub use super::predict::{Availability, Cause, Prediction};
pub use super::waiters::Ticket;

/// Where a request enters its caller's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalKind {
    /// A new request, at the tail.
    New,
    /// A retry, at the head: it has waited before.
    Retry,
}

/// A bound on waiting requests is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// The bound of the caller's own queue.
    Caller,
    /// The bound of all queues together.
    Total,
}

impl QueueFull {
    /// Returns the limit to which a refusal is attributed.
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Caller => Cause::CallerLimit,
            Self::Total => Cause::Quota,
        }
    }
}

/// The waiting requests of all callers, with a payload `T` each.
#[derive(Debug)]
pub struct FairQueue<T> {
    queues: CallerQueues,
    waiters: Waiters<T>,
    round: VecDeque<QueueKey>,
    rate_limited: BinaryHeap<Reverse<(Instant, QueueKey)>>,
}

impl<T> FairQueue<T> {
    /// Returns an empty queue.
    #[must_use]
    pub fn new(settings: QueueSettings) -> Self {
        Self {
            queues: CallerQueues::new(settings),
            waiters: Waiters::new(),
            round: VecDeque::new(),
            rate_limited: BinaryHeap::new(),
        }
    }

    /// Uses `settings` from now on. All waiting requests keep their positions.
    pub fn apply(&mut self, settings: QueueSettings, now: Instant) {
        self.queues.apply(settings, now);
        // A rate limit may be higher now, so check all rate limited queues again.
        while let Some(Reverse((_, key))) = self.rate_limited.pop() {
            self.round.push_back(key);
        }
    }

    /// Returns how many requests of all callers wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Returns how many requests wait in one caller's queue.
    #[must_use]
    pub fn caller_len(&self, key: QueueKey) -> usize {
        self.queues.get(key).len()
    }

    /// Returns whether no request waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.len() == 0
    }

    /// Returns how many callers have a queue. The overflow queue counts as one.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.queues.len()
    }

    /// Iterates over the callers with waiting requests, and their weights.
    pub(super) fn waiting_callers(&self) -> impl Iterator<Item = (&CallerId, u32)> {
        self.queues.waiting_callers()
    }

    /// Returns the queue of `caller`, and counts the arrival of a new request.
    pub fn record_arrival(
        &mut self,
        caller: &CallerId,
        kind: ArrivalKind,
        now: Instant,
    ) -> QueueKey {
        let key = self.queues.get_or_create(caller, now);
        if kind == ArrivalKind::New {
            self.queues.get_mut(key).record_arrival(now);
        }
        key
    }

    /// Returns a position for one more request in the queue `key`.
    ///
    /// # Errors
    /// [`QueueFull`] names the bound that is reached.
    pub fn vacant_position(&mut self, key: QueueKey) -> Result<VacantPosition<'_, T>, QueueFull> {
        if self.waiters.len() >= self.queues.settings().max_waiting.get() as usize {
            return Err(QueueFull::Total);
        }
        if self.queues.get(key).is_full() {
            return Err(QueueFull::Caller);
        }
        Ok(VacantPosition { queue: self, key })
    }

    /// Removes a request from any position. The position is free at once.
    pub fn remove(&mut self, ticket: Ticket) -> Option<(QueueKey, T)> {
        let key = self.waiters.queue_of(ticket)?;
        let links = &mut self.queues.get_mut(key).links;
        Some((key, self.waiters.remove(links, ticket)?))
    }

    /// Returns when a request can use a token: `now`, or later while rate limits delay
    /// all waiting requests. Returns `None` when no request waits.
    pub fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        match self.next_queue(now) {
            Some(_) => Some(now),
            None => self.rate_limited.peek().map(|Reverse((until, _))| *until),
        }
    }

    /// Returns the request that gets the next token.
    pub fn peek(&mut self, now: Instant) -> Option<(Ticket, &T)> {
        let key = self.next_queue(now)?;
        let ticket = self.queues.get(key).links.head()?;
        Some((ticket, self.waiters.get(ticket)?))
    }

    /// Iterates over all waiting requests, in no particular order.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.waiters.tickets()
    }

    /// Removes the request that gets the next token, and charges its caller.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let (ticket, _) = self.peek(now)?;
        let (key, payload) = self.remove(ticket)?;
        if self.queues.get_mut(key).charge(now) {
            // Only the queue at the front of the round gets tokens.
            self.round.rotate_left(1);
        }
        Some(payload)
    }

    /// Brings a queue that can use a token to the front of the round.
    fn next_queue(&mut self, now: Instant) -> Option<QueueKey> {
        self.release(now);
        while let Some(key) = self.round.front().copied() {
            let queue = self.queues.get_mut(key);
            let wait = queue.rate_limited_for(now, 1);
            if queue.len() > 0 && wait.is_zero() {
                return Some(key);
            }
            self.round.pop_front();
            queue.end_turn();
            queue.scheduled = queue.len() > 0;
            if queue.scheduled {
                self.rate_limited.push(Reverse((now + wait, key)));
            }
        }
        None
    }

    /// Returns queues to the round whose rate limit allows the next call.
    fn release(&mut self, now: Instant) {
        while let Some(Reverse((until, key))) = self.rate_limited.peek().copied() {
            if until > now {
                return;
            }
            self.rate_limited.pop();
            self.round.push_back(key);
        }
    }

    /// Predicts how long a request that enters the queue `key` now would wait.
    #[must_use]
    pub fn predict(
        &self,
        key: QueueKey,
        kind: ArrivalKind,
        availability: Availability,
        now: Instant,
    ) -> Prediction {
        let own = self.queues.get(key);
        let position = own.position(kind);
        let competitors: Vec<Competitor<'_>> = self
            .queues
            .iter()
            .filter(|(other, _)| *other != key)
            .filter_map(|(_, queue)| Competitor::new(queue, own.weight(), position, now))
            .collect();
        let candidate = Candidate {
            position,
            rate_limited_for: own.rate_limited_for(now, position),
            arrivals_per_second: own.arrivals().per_second(now),
        };
        predict::predict(candidate, &competitors, availability)
    }
}

/// A position for one more request in a caller's queue.
#[derive(Debug)]
pub struct VacantPosition<'a, T> {
    queue: &'a mut FairQueue<T>,
    key: QueueKey,
}

impl<T> VacantPosition<'_, T> {
    /// Enters a request. `payload` receives the ticket.
    pub fn push(self, kind: ArrivalKind, payload: impl FnOnce(Ticket) -> T) -> Ticket {
        let FairQueue {
            queues,
            waiters,
            round,
            ..
        } = self.queue;
        let queue = queues.get_mut(self.key);
        if !queue.scheduled {
            queue.scheduled = true;
            round.push_back(self.key);
        }
        waiters.insert(&mut queue.links, self.key, kind, payload)
    }
}
