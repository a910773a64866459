//! The waiting line of one operation: a pure state machine.
//!
//! It decides who is next and how long a newcomer would wait; it knows no task,
//! no channel and no clock. Each caller has a line of its own. CallerQueues take turns,
//! as in deficit round robin: in a *round* every line with work gets as many
//! slots as its weight. A line whose ceiling is reached is *held* until the
//! ceiling lets it go on.
//!
//! An example: `a` (weight 2) waits with 4 requests, `b` (weight 1) with 2. Six
//! slots go to a a b a a b. A seventh request, of `b`, would be third in its line;
//! while `b` gets three slots, `a` gets at most its 4: it is predicted to wait
//! for the 7th slot.
//!
//! [`push`](VacantPosition::push), [`pop`](FairQueue::pop) and [`remove`](FairQueue::remove) cost
//! the same with 100 and with 100,000 waiting requests, and so does
//! [`predict`](FairQueue::predict), which looks at each *caller* of late, as does
//! [`hint`](FairQueue::hint).

mod overtaken;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::caller_queue::LONGEST_HINT;
use super::caller_queues::CallerQueues;
use super::clock::wait_of;
use super::limits::QueueSettings;
use super::predict::{self, Candidate, Competitor};
use super::waiters::Waiters;
use crate::model::CallerId;

pub use super::caller_queues::QueueKey;
pub use super::predict::{Availability, Cause, Prediction};
pub use super::waiters::Ticket;

/// Where a request enters its caller's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalKind {
    /// At the end.
    New,
    /// At the head: it has waited before.
    Retry,
}

/// A line, or the whole queue, is as long as it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// The caller's own queue.
    Caller,
    /// All queues together.
    Total,
}

impl QueueFull {
    /// The forecast of who is refused for it: this is the cause.
    pub(super) fn bounding(self, prediction: Prediction) -> Prediction {
        let cause = match self {
            Self::Caller => Cause::CallerLimit,
            Self::Total => Cause::Quota,
        };
        Prediction {
            cause,
            ..prediction
        }
    }
}

/// Everyone who waits, with a `T` each to answer to.
#[derive(Debug)]
pub struct FairQueue<T> {
    lines: CallerQueues,
    rows: Waiters<T>,
    round: VecDeque<QueueKey>,
    held: BinaryHeap<Reverse<(Instant, QueueKey)>>,
}

impl<T> FairQueue<T> {
    /// An empty queue that shares slots by `policies`.
    #[must_use]
    pub fn new(policies: QueueSettings) -> Self {
        Self {
            lines: CallerQueues::new(policies),
            rows: Waiters::new(),
            round: VecDeque::new(),
            held: BinaryHeap::new(),
        }
    }

    /// Takes on other policies; everyone keeps the place.
    pub fn apply(&mut self, policies: QueueSettings, now: Instant) {
        self.lines.apply(policies, now);
        // A ceiling may have risen: whoever is held is looked at again, in order.
        while let Some(Reverse((_, line))) = self.held.pop() {
            self.round.push_back(line);
        }
    }

    /// How many wait, of all callers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many wait in one line.
    #[must_use]
    pub fn len_of(&self, line: QueueKey) -> usize {
        self.lines.get(line).live()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// How many callers are kept apart.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.lines.len()
    }

    /// The callers of whom somebody waits, with their weights.
    pub(super) fn with_work(&self) -> impl Iterator<Item = (&CallerId, u32)> {
        self.lines.with_work()
    }

    /// Says which line is `caller`'s, and counts its arrival there.
    pub fn arrive(&mut self, caller: &CallerId, entry: ArrivalKind, now: Instant) -> QueueKey {
        let line = self.lines.of(caller, now);
        if entry == ArrivalKind::New {
            self.lines.get_mut(line).arrive(now);
        }
        line
    }

    /// The place that a request may take in `line`.
    ///
    /// # Errors
    /// What is full.
    pub fn vacancy(&mut self, line: QueueKey) -> Result<VacantPosition<'_, T>, QueueFull> {
        if self.rows.len() >= self.lines.policies().max_waiting.get() as usize {
            return Err(QueueFull::Total);
        }
        if self.lines.get(line).is_full() {
            return Err(QueueFull::Caller);
        }
        Ok(VacantPosition { queue: self, line })
    }

    /// Takes a request out, wherever it stands: its place is free at once.
    pub fn remove(&mut self, ticket: Ticket) -> Option<(QueueKey, T)> {
        let line = self.rows.line_of(ticket)?;
        let row = &mut self.lines.get_mut(line).row;
        Some((line, self.rows.leave(row, ticket)?))
    }

    /// When a slot can be used: `now` where somebody is ready for one, later
    /// where ceilings hold everyone, never where nobody waits.
    pub fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        match self.settle(now) {
            Some(_) => Some(now),
            None => self.held.peek().map(|Reverse((until, _))| *until),
        }
    }

    /// Who is given the next slot.
    pub fn peek(&mut self, now: Instant) -> Option<(Ticket, &T)> {
        let line = self.settle(now)?;
        let ticket = self.lines.get(line).row.head()?;
        Some((ticket, self.rows.get(ticket)?))
    }

    /// Every ticket that waits, in no order.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.rows.tickets()
    }

    /// Gives a slot to whoever is next.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let (ticket, _) = self.peek(now)?;
        let (line, payload) = self.remove(ticket)?;
        if self.lines.get_mut(line).pay(now) {
            // Only the line at the front is given slots.
            self.round.rotate_left(1);
        }
        Some(payload)
    }

    /// Brings a line to the front of the round that has work and may go on.
    fn settle(&mut self, now: Instant) -> Option<QueueKey> {
        self.let_go(now);
        while let Some(key) = self.round.front().copied() {
            let line = self.lines.get_mut(key);
            let wait = line
                .ceiling()
                .map_or(Duration::ZERO, |c| c.wait_for(now, 1));
            if line.live() > 0 && wait.is_zero() {
                return Some(key);
            }
            self.round.pop_front();
            line.end_turn();
            line.placed = line.live() > 0;
            if line.placed {
                self.held.push(Reverse((now + wait, key)));
            }
        }
        None
    }

    /// Brings back to the round whoever is held no longer.
    fn let_go(&mut self, now: Instant) {
        while let Some(Reverse((until, key))) = self.held.peek().copied() {
            if until > now {
                return;
            }
            self.held.pop();
            self.round.push_back(key);
        }
    }

    /// How long a request that enters `line` now would wait.
    #[must_use]
    pub fn predict(
        &self,
        key: QueueKey,
        entry: ArrivalKind,
        availability: Availability,
        now: Instant,
    ) -> Prediction {
        let own = self.lines.get(key);
        let place = own.place(entry);
        let competitors: Vec<Competitor<'_>> = self
            .lines
            .iter()
            .filter(|(other, _)| *other != key)
            .filter_map(|(_, line)| Competitor::new(line, own.weight(), place, now))
            .collect();
        let newcomer = Candidate {
            place,
            held_for: own
                .ceiling()
                .map_or(Duration::ZERO, |c| c.wait_for(now, place)),
            arrivals_per_second: own.arrivals().per_second(now),
        };
        predict::predict(newcomer, &competitors, availability)
    }

    /// When a request that is refused shall come back, given that there is no
    /// room for it before `earliest`: a slot of its caller's share after the one
    /// that was told so before.
    ///
    /// Whoever was told to come back has a share too, and callers that are told
    /// to within the same round get each its own part of it, or all would come
    /// at once.
    pub fn hint(
        &mut self,
        key: QueueKey,
        availability: Availability,
        now: Instant,
        earliest: Duration,
    ) -> Duration {
        let mut before = 0.0;
        let mut round = 0.0;
        for (other, line) in self.lines.iter() {
            if other == key {
                before = round;
            }
            if other == key || line.live() > 0 || line.is_told_to_return(now) {
                round += line.weight();
            }
        }
        let slots = |count: f64| wait_of(count / availability.rate);
        let line = self.lines.get_mut(key);
        let gap = slots(round / line.weight());
        let hint = line.hint(now, earliest, gap) + slots(before);
        hint.min(LONGEST_HINT)
    }
}

/// The place that one more request may take in a line.
#[derive(Debug)]
pub struct VacantPosition<'a, T> {
    queue: &'a mut FairQueue<T>,
    line: QueueKey,
}

impl<T> VacantPosition<'_, T> {
    /// Puts in what `payload` makes of the ticket.
    pub fn push(self, entry: ArrivalKind, payload: impl FnOnce(Ticket) -> T) -> Ticket {
        let FairQueue {
            lines, rows, round, ..
        } = self.queue;
        let line = lines.get_mut(self.line);
        if !line.placed {
            line.placed = true;
            round.push_back(self.line);
        }
        rows.join(&mut line.row, self.line, entry, payload)
    }
}
