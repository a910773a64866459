//! Which line is whose.
//!
//! A caller that is named in the policies always has a line of its own, beside
//! the bound on distinct callers. Anyone else, a name of a known form included, has
//! one up to that bound; beyond it they share one, which has no name and which no caller can name. A caller that
//! is gone is forgotten, so nobody eats memory by inventing names.
//!
//! An example, with at most 2 callers: `a` and `b` come, then `x`, `y` and `z`
//! share a line, and `n`, which is named, has its own. When nobody of `b` waits
//! and it came last 31 s ago, its line is given up, and the next new name gets one
//! of its own, though `x`, `y` and `z` come still.

use std::collections::HashMap;
use std::time::Duration;

use slotmap::{DefaultKey, DenseSlotMap};
use tokio::time::Instant;

use super::caller_queue::CallerQueue;
use super::limits::QueueSettings;
use crate::model::CallerId;

/// Callers that are gone are looked for so often.
const SWEEP_EACH: Duration = Duration::from_secs(1);

/// Names a caller's line, which stays while somebody waits in it or it has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey(DefaultKey);

/// The lines of all callers.
#[derive(Debug)]
pub(super) struct CallerQueues {
    policies: QueueSettings,
    /// Dense, as each forecast goes through those that are there.
    lines: DenseSlotMap<DefaultKey, CallerQueue>,
    by_caller: HashMap<CallerId, QueueKey>,
    /// How many of `by_caller` are not named: those that the bound counts.
    unnamed: usize,
    /// The line of all callers beyond the bound.
    shared: Option<QueueKey>,
    swept_at: Option<Instant>,
}

impl CallerQueues {
    pub(super) fn new(policies: QueueSettings) -> Self {
        Self {
            policies,
            lines: DenseSlotMap::new(),
            by_caller: HashMap::new(),
            unnamed: 0,
            shared: None,
            swept_at: None,
        }
    }

    pub(super) fn policies(&self) -> &QueueSettings {
        &self.policies
    }

    /// Takes on other policies.
    pub(super) fn apply(&mut self, policies: QueueSettings, now: Instant) {
        self.policies = policies;
        for (caller, QueueKey(key)) in &self.by_caller {
            self.lines[*key].apply(self.policies.limits.of(caller), now);
        }
        if let Some(QueueKey(key)) = self.shared {
            self.lines[key].apply(&self.policies.limits.default, now);
        }
        self.unnamed = self.count_unnamed();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn get(&self, QueueKey(key): QueueKey) -> &CallerQueue {
        &self.lines[key]
    }

    pub(super) fn get_mut(&mut self, QueueKey(key): QueueKey) -> &mut CallerQueue {
        &mut self.lines[key]
    }

    /// All of them, in an order that does not depend on names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (QueueKey, &CallerQueue)> {
        self.lines.iter().map(|(key, line)| (QueueKey(key), line))
    }

    /// The callers of whom somebody waits, with their weights.
    pub(super) fn with_work(&self) -> impl Iterator<Item = (&CallerId, u32)> {
        let lines = self.by_caller.iter();
        lines
            .map(|(caller, key)| (caller, self.get(*key)))
            .filter(|(_, line)| line.live() > 0)
            .map(|(caller, line)| (caller, line.weight() as u32))
    }

    /// Where `caller` stands: a line of its own, where it may have one.
    pub(super) fn of(&mut self, caller: &CallerId, now: Instant) -> QueueKey {
        self.forget_idle(now);
        if let Some(line) = self.by_caller.get(caller) {
            return *line;
        }
        let named = self.policies.limits.named.contains_key(caller);
        if !named && self.unnamed >= self.policies.max_callers.get() as usize {
            return self.shared_line(now);
        }
        let line = CallerQueue::new(self.policies.limits.of(caller), now);
        let key = QueueKey(self.lines.insert(line));
        self.by_caller.insert(caller.clone(), key);
        self.unnamed += usize::from(!named);
        key
    }

    fn shared_line(&mut self, now: Instant) -> QueueKey {
        let (lines, policy) = (&mut self.lines, &self.policies.limits.default);
        *self
            .shared
            .get_or_insert_with(|| QueueKey(lines.insert(CallerQueue::new(policy, now))))
    }

    fn count_unnamed(&self) -> usize {
        let named = &self.policies.limits.named;
        let unnamed = self
            .by_caller
            .keys()
            .filter(|one| !named.contains_key(*one));
        unnamed.count()
    }

    /// Gives up the lines of callers that are gone.
    fn forget_idle(&mut self, now: Instant) {
        let recently = |at: Instant| now.duration_since(at) < SWEEP_EACH;
        if self.swept_at.is_some_and(recently) {
            return;
        }
        self.swept_at = Some(now);
        let lines = &mut self.lines;
        let mut stays = |QueueKey(key): QueueKey| {
            let gone = lines[key].is_idle(now);
            if gone {
                lines.remove(key);
            }
            !gone
        };
        self.by_caller.retain(|_, key| stays(*key));
        self.shared = self.shared.filter(|key| stays(*key));
        self.unnamed = self.count_unnamed();
    }
}
