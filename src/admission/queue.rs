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
//! [`push`](FairQueue::push), [`pop`](FairQueue::pop) and [`remove`](FairQueue::remove)
//! cost O(log n) for n waiting requests of a caller. [`predict`](FairQueue::predict) and
//! [`retry_after`](FairQueue::retry_after) are linear in the recent *callers*.

mod overtaken;
mod prediction;
mod retry_after;
mod round;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::round::{Groups, RateLimited};
use super::caller_group::GroupKey;
use super::caller_queues::CallerQueues;
use super::limits::QueueSettings;
use super::turns;
use crate::model::CallerId;

pub use super::caller_queues::QueueKey;
pub use super::predict::{Availability, Cause, Prediction};

/// Where a request enters its caller's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalKind {
    /// A new request, at the tail.
    New,
    /// A retry, at the head: it has waited before.
    Retry,
}

/// Identifies a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    queue: QueueKey,
    number: i64,
}

impl Ticket {
    /// Returns the queue of the request.
    #[must_use]
    pub fn queue(self) -> QueueKey {
        self.queue
    }
}

/// The waiting requests of all callers, with a payload `T` each.
#[derive(Debug)]
pub struct FairQueue<T> {
    pub(super) callers: CallerQueues<T>,
    /// How many requests wait.
    len: usize,
    round: VecDeque<GroupKey>,
    rate_limited: RateLimited,
}

impl<T> FairQueue<T> {
    /// Returns an empty queue.
    #[must_use]
    pub fn new(settings: QueueSettings) -> Self {
        Self {
            callers: CallerQueues::new(settings),
            len: 0,
            round: VecDeque::new(),
            rate_limited: BinaryHeap::new(),
        }
    }

    /// Uses `settings` from now on. All waiting requests keep their positions.
    pub fn apply(&mut self, settings: QueueSettings, now: Instant) {
        let order: Vec<QueueKey> = self.scheduled().collect();
        self.callers.apply(settings, now);
        // A rate limit may be higher now, so check all rate limited groups again.
        self.rate_limited.clear();
        self.round.clear();
        for key in order {
            if self.caller_len(key) > 0 {
                self.schedule(key);
            }
        }
    }

    /// Iterates over the queues with waiting requests, the rate limited ones last. Some may
    /// be empty by now.
    fn scheduled(&self) -> impl Iterator<Item = QueueKey> {
        let rate_limited = self.rate_limited.iter().map(|Reverse((_, group))| *group);
        let groups = self.round.iter().copied().chain(rate_limited);
        groups.flat_map(|group| self.callers.groups[group].round.iter().copied())
    }

    fn schedule(&mut self, key: QueueKey) {
        let queue = &mut self.callers.queues[key];
        let group = &mut self.callers.groups[queue.group];
        if !std::mem::replace(&mut queue.scheduled, true) {
            group.round.push_back(key);
            if !std::mem::replace(&mut group.scheduled, true) {
                self.round.push_back(queue.group);
            }
        }
    }

    /// Returns how many requests of all callers wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns how many requests wait in one caller's queue.
    #[must_use]
    pub fn caller_len(&self, key: QueueKey) -> usize {
        self.callers.queues[key].len()
    }

    /// Returns whether no request waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many callers have a queue. Each overflow queue counts as one.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.callers.queues.len()
    }

    /// Returns the queue of `caller`, and counts the arrival of a new request.
    pub fn record_arrival(
        &mut self,
        caller: &CallerId,
        kind: ArrivalKind,
        now: Instant,
    ) -> QueueKey {
        let key = self.callers.get_or_create(caller, now);
        if kind == ArrivalKind::New {
            let queue = &mut self.callers.queues[key];
            queue.arrivals.record(now);
            self.callers.groups[queue.group].arrivals.record(now);
        }
        key
    }

    /// Returns whether the next request of `caller` would wait for the caller's own rate limit
    /// or requests.
    pub fn is_held_back(&mut self, caller: &CallerId, now: Instant) -> bool {
        let key = self.callers.get_or_create(caller, now);
        let queue = &self.callers.queues[key];
        let group = &self.callers.groups[queue.group];
        queue.len() > 0 || !group.rate_limited_for(now, 1).is_zero()
    }

    /// Returns the section of `caller`'s limits if a limit in shadow mode would refuse its
    /// request in the queue `key`, which can wait for `time_left`.
    pub fn shadow_refusal(
        &mut self,
        key: QueueKey,
        caller: &CallerId,
        time_left: Duration,
        now: Instant,
    ) -> Option<Arc<str>> {
        let group = self.callers.queues[key].group;
        let exceeds = self.callers.groups[group].exceeds_shadow_limit(time_left, now);
        exceeds.then(|| Arc::from(self.callers.settings.limits.section_of(caller)))
    }

    /// Enters a request into the queue `key`.
    ///
    /// # Errors
    /// [`Cause::Quota`] if the bound of all queues together is reached, and
    /// [`Cause::CallerLimit`] if that of the caller's own queue is.
    pub fn push(&mut self, key: QueueKey, kind: ArrivalKind, request: T) -> Result<Ticket, Cause> {
        if self.len >= self.callers.settings.max_waiting.get() as usize {
            return Err(Cause::Quota);
        }
        let queue = &mut self.callers.queues[key];
        if queue.is_full() {
            return Err(Cause::CallerLimit);
        }
        let number = queue.push(kind, request);
        self.callers.groups[queue.group].waiting += 1;
        self.len += 1;
        self.schedule(key);
        Ok(Ticket { queue: key, number })
    }

    /// Removes a request, wherever it is in its queue. Its position is free at once.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let queue = self.callers.queues.get_mut(ticket.queue)?;
        let request = queue.requests.remove(&ticket.number)?;
        self.callers.groups[queue.group].waiting -= 1;
        self.len -= 1;
        Some(request)
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
        let queue = self.next_queue(now)?;
        let (number, request) = self.callers.queues[queue].requests.first_key_value()?;
        let number = *number;
        Some((Ticket { queue, number }, request))
    }

    /// Removes the request that gets the next token, and charges its caller.
    pub fn pop(&mut self, now: Instant) -> Option<(Ticket, T)> {
        let (ticket, _) = self.peek(now)?;
        let request = self.remove(ticket)?;
        if self.callers.charge(ticket.queue, now) {
            // Only the group at the front of the round gets tokens.
            self.round.rotate_left(1);
        }
        Some((ticket, request))
    }

    /// Brings a group that can use a token to the front of the round, and returns the
    /// queue at the front of that group.
    fn next_queue(&mut self, now: Instant) -> Option<QueueKey> {
        // Groups whose rate limit allows the next call return to the round.
        while let Some(Reverse((until, key))) = self.rate_limited.peek().copied()
            && until <= now
        {
            self.rate_limited.pop();
            self.round.push_back(key);
        }
        let mut groups = Groups {
            callers: &mut self.callers,
            rate_limited: &mut self.rate_limited,
            now,
        };
        let group = turns::next(&mut self.round, &mut groups)?;
        self.callers.groups[group].round.front().copied()
    }
}
