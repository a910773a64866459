//! The waiting line of one operation: a pure state machine.
//!
//! It decides who is next and how long a newcomer would wait; it knows no task,
//! no channel and no clock. Each caller has a line of its own. Lines take turns,
//! as in deficit round robin: in a *round* every line with work gets as many
//! slots as its weight. A line whose ceiling is reached is *held* until the
//! ceiling lets it go on.
//!
//! An example: `a` (weight 2) waits with 4 requests, `b` (weight 1) with 2. Six
//! slots go to a a b a a b. A seventh request, of `b`, would be third in its line;
//! while `b` gets three slots, `a` gets at most its 4: it is predicted to wait
//! for the 7th slot.
//!
//! `push`, `pop`, `expire` and `predict` cost the same with 100 and with 100,000
//! waiting requests. `predict` looks at each *caller* with work.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

use super::line::Line;
use super::policy::CallerPolicies;
use super::predict::{self, Prediction, Rival, Supply};
use crate::session::words::CallerId;

/// Nobody who came within this time is forgotten.
const IDLE: Duration = Duration::from_secs(30);

/// Where a request enters its caller's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// At the end.
    Arrival,
    /// At the head: it has waited before.
    Retry,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ticket(pub(super) u64);

/// A caller's line, as long as the queue is not told of other callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineKey(usize);

/// A line, or the whole queue, is as long as it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The caller's own line.
    Line,
    /// All lines together.
    Queue,
}

/// Everyone who waits, with a `T` each to answer to.
#[derive(Debug)]
pub(super) struct Queue<T> {
    policies: CallerPolicies,
    lines: Slab<Line>,
    by_caller: HashMap<CallerId, usize>,
    /// Callers beyond the bound on distinct callers share this name's line.
    others: CallerId,
    waiting: HashMap<Ticket, Waiting<T>>,
    round: VecDeque<usize>,
    held: BinaryHeap<Reverse<(Instant, usize)>>,
    swept_at: Option<Instant>,
}

#[derive(Debug)]
struct Waiting<T> {
    line: usize,
    payload: T,
}

impl<T> Queue<T> {
    pub(super) fn new(policies: CallerPolicies) -> Self {
        Self {
            policies,
            lines: Slab::new(),
            by_caller: HashMap::new(),
            others: CallerId::new("(others)").expect("a printable name"),
            waiting: HashMap::new(),
            round: VecDeque::new(),
            held: BinaryHeap::new(),
            swept_at: None,
        }
    }

    /// Takes on other policies; everyone keeps the place.
    pub(super) fn apply(&mut self, policies: CallerPolicies, now: Instant) {
        self.policies = policies;
        for (caller, line) in &self.by_caller {
            self.lines[*line].apply(self.policies.of(caller), now);
        }
        // A ceiling may have risen: whoever is held is looked at again.
        let held = self.held.drain().map(|Reverse((_, line))| line);
        self.round.extend(held);
    }

    /// How many wait, of all callers.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many callers have a line.
    pub(super) fn callers(&self) -> usize {
        self.by_caller.len()
    }

    /// Says which line is `caller`'s own, and counts its arrival there.
    pub(super) fn arrive(&mut self, caller: &CallerId, entry: Entry, now: Instant) -> LineKey {
        let line = self.line_of(caller, now);
        if entry == Entry::Arrival {
            self.lines[line].arrive(now);
        }
        LineKey(line)
    }

    fn line_of(&mut self, caller: &CallerId, now: Instant) -> usize {
        if let Some(line) = self.by_caller.get(caller) {
            return *line;
        }
        let most = self.policies.max_callers.get() as usize;
        if self.by_caller.len() >= most {
            self.forget_idle(now);
        }
        let known = self.policies.named.contains_key(caller);
        let caller = if known || self.by_caller.len() < most {
            caller.clone()
        } else {
            self.others.clone()
        };
        let policy = self.policies.of(&caller);
        *self
            .by_caller
            .entry(caller)
            .or_insert_with(|| self.lines.insert(Line::new(policy, now)))
    }

    /// Drops the lines of callers that are gone; looks for them once a second.
    fn forget_idle(&mut self, now: Instant) {
        let recently = |at: Instant| now.duration_since(at) < Duration::from_secs(1);
        if self.swept_at.is_some_and(recently) {
            return;
        }
        self.swept_at = Some(now);
        let lines = &mut self.lines;
        self.by_caller.retain(|_, key| {
            let gone = !lines[*key].placed && lines[*key].is_idle(now, IDLE);
            if gone {
                lines.remove(*key);
            }
            !gone
        });
    }

    /// Puts a request into `line`.
    pub(super) fn push(
        &mut self,
        LineKey(key): LineKey,
        entry: Entry,
        ticket: Ticket,
        payload: T,
    ) -> Result<(), (Full, T)> {
        let line = &mut self.lines[key];
        if self.waiting.len() >= self.policies.max_waiting.get() as usize {
            return Err((Full::Queue, payload));
        }
        if line.is_full() {
            return Err((Full::Line, payload));
        }
        line.enter(entry, ticket);
        if !line.placed {
            line.placed = true;
            self.round.push_back(key);
        }
        self.waiting.insert(ticket, Waiting { line: key, payload });
        Ok(())
    }

    /// Takes a request out, wherever it stands: its place is free at once.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<(LineKey, T)> {
        let Waiting { line, payload } = self.waiting.remove(&ticket)?;
        self.lines[line].leave(|ticket| self.waiting.contains_key(&ticket));
        Some((LineKey(line), payload))
    }

    /// When a slot can be used: `now` where somebody is ready for one, later
    /// where ceilings hold everyone, never where nobody waits.
    pub(super) fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        match self.settle(now) {
            Some(_) => Some(now),
            None => self.held.peek().map(|Reverse((until, _))| *until),
        }
    }

    /// Gives a slot to whoever is next.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        let key = self.settle(now)?;
        let line = &mut self.lines[key];
        let (waiting, ended) = loop {
            let ticket = line.pop()?;
            if let Some(waiting) = self.waiting.remove(&ticket) {
                break (waiting, line.pay(now));
            }
        };
        line.leave(|ticket| self.waiting.contains_key(&ticket));
        if ended {
            self.round.rotate_left(1);
        }
        Some(waiting.payload)
    }

    /// Brings a line to the front of the round that has work and may go on.
    fn settle(&mut self, now: Instant) -> Option<usize> {
        while let Some(Reverse((until, key))) = self.held.peek().copied() {
            if until > now {
                break;
            }
            self.held.pop();
            self.round.push_back(key);
        }
        while let Some(key) = self.round.front().copied() {
            let line = &mut self.lines[key];
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

    /// How long a request that enters `line` now would wait.
    pub(super) fn predict(
        &self,
        LineKey(key): LineKey,
        entry: Entry,
        supply: Supply,
        now: Instant,
    ) -> Prediction {
        let own = &self.lines[key];
        let place = own.place(entry);
        let rivals: Vec<Rival> = self
            .with_work()
            .filter(|(other, _)| *other != key)
            .map(|(_, line)| Rival::new(line, own.weight(), place, now))
            .collect();
        let own_wait = own
            .ceiling()
            .map_or(Duration::ZERO, |c| c.wait_for(now, place));
        predict::predict(place, &rivals, supply, own_wait)
    }

    /// When a caller that is refused shall come back, given that there is no
    /// room for it before `earliest`.
    pub(super) fn hint(
        &mut self,
        LineKey(key): LineKey,
        supply: Supply,
        now: Instant,
        earliest: Duration,
    ) -> Duration {
        let others: f64 = self
            .with_work()
            .filter(|(other, _)| *other != key)
            .map(|(_, l)| l.weight())
            .sum();
        let line = &mut self.lines[key];
        let share = supply.rate * line.weight() / (line.weight() + others);
        line.hint(now, earliest, Duration::from_secs_f64(1.0 / share))
    }

    fn with_work(&self) -> impl Iterator<Item = (usize, &Line)> {
        let held = self.held.iter().map(|Reverse((_, key))| key);
        let placed = self
            .round
            .iter()
            .chain(held)
            .map(|key| (*key, &self.lines[*key]));
        placed.filter(|(_, line)| line.live() > 0)
    }
}
