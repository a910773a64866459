//! The fair queue of one operation: a pure state machine without tasks, channels or
//! a clock.
//!
//! It decides which request gets the next quota token and predicts how long a new
//! request would wait. Each caller has a queue of its own. The queues take turns by
//! [deficit round robin](https://en.wikipedia.org/wiki/Deficit_round_robin): in each
//! *round*, every queue with waiting requests gets as many tokens as its weight. The
//! callers of one pattern are a *group*, which takes turns as a whole, and its callers
//! take turns equally. A group that is at its own rate limit is *rate limited*: it leaves
//! the round until the limit allows the next call.
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
mod prediction;
mod retry_after;
mod round;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tokio::time::Instant;

use self::round::{Groups, RateLimited};
use super::caller_group::GroupKey;
use super::caller_queues::CallerQueues;
use super::limits::QueueSettings;
use super::turns;
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
    round: VecDeque<GroupKey>,
    rate_limited: RateLimited,
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
        let order: Vec<QueueKey> = self.scheduled().collect();
        self.queues.apply(settings, now);
        // A rate limit may be higher now, so check all rate limited groups again.
        self.rate_limited.clear();
        self.round.clear();
        for key in order {
            if self.queues.get(key).len() > 0 {
                self.schedule(key);
            }
        }
    }

    /// Iterates over the queues with waiting requests, the rate limited ones last. Some may
    /// be empty by now.
    fn scheduled(&self) -> impl Iterator<Item = QueueKey> {
        let rate_limited = self.rate_limited.iter().map(|Reverse((_, group))| *group);
        let groups = self.round.iter().copied().chain(rate_limited);
        groups.flat_map(|group| self.queues.group(group).round.iter().copied())
    }

    fn schedule(&mut self, key: QueueKey) {
        let queue = self.queues.get_mut(key);
        let group_key = queue.group;
        if !std::mem::replace(&mut queue.scheduled, true) {
            let group = self.queues.group_mut(group_key);
            group.round.push_back(key);
            if !std::mem::replace(&mut group.scheduled, true) {
                self.round.push_back(group_key);
            }
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

    /// Returns how many callers have a queue. Each overflow queue counts as one.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.queues.len()
    }

    /// The queues by caller, for the exchange with other replicas.
    pub(super) fn callers_mut(&mut self) -> &mut CallerQueues {
        &mut self.queues
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
            let queue = self.queues.get_mut(key);
            queue.record_arrival(now);
            let group = queue.group;
            self.queues.group_mut(group).arrivals.record(now);
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
        let queue = self.queues.get_mut(key);
        let payload = self.waiters.remove(&mut queue.links, ticket)?;
        let group = queue.group;
        self.queues.group_mut(group).waiting -= 1;
        Some((key, payload))
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
        if self.queues.charge(key, now) {
            // Only the group at the front of the round gets tokens.
            self.round.rotate_left(1);
        }
        Some(payload)
    }

    /// Brings a group that can use a token to the front of the round, and returns the
    /// queue at the front of that group.
    fn next_queue(&mut self, now: Instant) -> Option<QueueKey> {
        self.release(now);
        let mut groups = Groups {
            queues: &mut self.queues,
            rate_limited: &mut self.rate_limited,
            now,
        };
        let group = turns::next(&mut self.round, &mut groups)?;
        self.queues.group(group).round.front().copied()
    }

    /// Returns groups to the round whose rate limit allows the next call.
    fn release(&mut self, now: Instant) {
        while let Some(Reverse((until, key))) = self.rate_limited.peek().copied() {
            if until > now {
                return;
            }
            self.rate_limited.pop();
            self.round.push_back(key);
        }
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
            queues, waiters, ..
        } = &mut *self.queue;
        let queue = queues.get_mut(self.key);
        let ticket = waiters.insert(&mut queue.links, self.key, kind, payload);
        let group = queue.group;
        queues.group_mut(group).waiting += 1;
        self.queue.schedule(self.key);
        ticket
    }
}
