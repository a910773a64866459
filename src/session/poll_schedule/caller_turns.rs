//! The callers that watch sessions: their turns to poll, and their fair share.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use tokio::time::Instant;

use crate::model::{CallerId, SessionId};

/// When a session expires, and its id.
type Expiry = (Instant, SessionId);

/// The callers, in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct CallerTurns {
    callers: BTreeMap<CallerId, CallerPolls>,
    /// The caller that had a turn last.
    last: Option<CallerId>,
}

/// The sessions that a caller watches.
#[derive(Debug, Default)]
struct CallerPolls {
    sessions: usize,
    /// Sessions that are due, by their expiry.
    due: BTreeSet<Expiry>,
    /// Whether one of its polls waits for a quota token.
    has_turn: bool,
    /// Polls per second that its sessions need.
    demand: f64,
}

impl CallerTurns {
    pub(super) fn add_session(&mut self, caller: &CallerId, demand: f64) {
        let polls = self.callers.entry(caller.clone()).or_default();
        polls.sessions += 1;
        polls.demand += demand;
    }

    pub(super) fn remove_session(&mut self, caller: &CallerId, demand: f64) {
        if let Some(polls) = self.callers.get_mut(caller) {
            polls.sessions -= 1;
            polls.demand -= demand;
        }
        self.forget_idle(caller);
    }

    pub(super) fn add_due(&mut self, caller: &CallerId, session: Expiry) {
        if let Some(polls) = self.callers.get_mut(caller) {
            polls.due.insert(session);
        }
    }

    pub(super) fn remove_due(&mut self, caller: &CallerId, session: Expiry) {
        if let Some(polls) = self.callers.get_mut(caller) {
            polls.due.remove(&session);
        }
    }

    /// Gives the turn to the next caller that has none and a session that is due, and
    /// returns the one of its sessions that expires first.
    pub(super) fn take_turn(&mut self) -> Option<(CallerId, Expiry)> {
        let last = self.last.as_ref();
        let after = last.map_or(Bound::Unbounded, Bound::Excluded);
        let callers = self.callers.range::<CallerId, _>((after, Bound::Unbounded));
        let mut in_turn = callers.chain(&self.callers);
        let (caller, session) = in_turn.find_map(|(caller, polls)| {
            let session = polls.due.first().filter(|_| !polls.has_turn)?;
            Some((caller.clone(), *session))
        })?;
        self.callers.get_mut(&caller)?.has_turn = true;
        self.last = Some(caller.clone());
        Some((caller, session))
    }

    pub(super) fn end_turn(&mut self, caller: &CallerId) {
        if let Some(polls) = self.callers.get_mut(caller) {
            polls.has_turn = false;
        }
        self.forget_idle(caller);
    }

    /// Adds `change` to the polls per second that a caller needs, and returns the sum.
    pub(super) fn change_demand(&mut self, caller: &CallerId, change: f64) -> f64 {
        let polls = self.callers.get_mut(caller);
        polls.map_or(0.0, |polls| {
            polls.demand += change;
            polls.demand
        })
    }

    /// Returns the max-min fair share of `rate`: callers that need less get their demand,
    /// and the others this much each. If all demands fit, it is what the caller that needs
    /// most could have.
    pub(super) fn fair_share(&self, rate: f64) -> f64 {
        let mut demands: Vec<_> = self.callers.values().map(|polls| polls.demand).collect();
        demands.sort_unstable_by(f64::total_cmp);
        let (mut left, mut others) = (rate, demands.len());
        for demand in demands {
            let share = left / others as f64;
            if others == 1 || demand >= share {
                return share;
            }
            left -= demand;
            others -= 1;
        }
        left
    }

    fn forget_idle(&mut self, caller: &CallerId) {
        let is_idle = |polls: &CallerPolls| polls.sessions == 0 && !polls.has_turn;
        if self.callers.get(caller).is_some_and(is_idle) {
            self.callers.remove(caller);
        }
    }
}
