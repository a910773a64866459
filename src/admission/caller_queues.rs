//! The queues of all callers, found by caller.
//!
//! A caller that is named in the settings always has a queue of its own. Every other
//! caller, including one that matches a pattern, has its own up to `max_callers` such
//! callers; beyond that bound they share one overflow queue. Idle callers are
//! forgotten, so a client cannot use up memory by inventing names.
//!
//! For example, `max_callers` is 2: `a` and `b` have their own queues, then `x`, `y`
//! and `z` share the overflow queue, and the named caller `n` has its own. When
//! nothing of `b` waits and its last request is 31 s old, its queue is dropped, and
//! the next caller without a queue gets its own while `x`, `y` and `z` keep sending.

use std::collections::HashMap;
use std::time::Duration;

use slotmap::{DefaultKey, DenseSlotMap};
use tokio::time::Instant;

use super::caller_queue::CallerQueue;
use super::limits::QueueSettings;
use crate::model::CallerId;

/// How often idle queues are dropped.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Identifies a caller's queue. It is valid while requests wait in the queue or the
/// queue is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey(DefaultKey);

/// The queues of all callers.
#[derive(Debug)]
pub(super) struct CallerQueues {
    settings: QueueSettings,
    /// Dense, because each prediction iterates over all queues.
    queues: DenseSlotMap<DefaultKey, CallerQueue>,
    by_caller: HashMap<CallerId, QueueKey>,
    /// How many of `by_caller` are not named and so count towards `max_callers`.
    unnamed: usize,
    /// The queue of all callers beyond `max_callers`.
    overflow: Option<QueueKey>,
    last_sweep: Option<Instant>,
}

impl CallerQueues {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            queues: DenseSlotMap::new(),
            by_caller: HashMap::new(),
            unnamed: 0,
            overflow: None,
            last_sweep: None,
        }
    }

    pub(super) fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// Uses `settings` from now on.
    pub(super) fn apply(&mut self, settings: QueueSettings, now: Instant) {
        self.settings = settings;
        for (caller, QueueKey(key)) in &self.by_caller {
            self.queues[*key].apply(self.settings.limits.of(caller), now);
        }
        if let Some(QueueKey(key)) = self.overflow {
            self.queues[key].apply(&self.settings.limits.default, now);
        }
        self.unnamed = self.count_unnamed();
    }

    /// Returns how many queues there are.
    pub(super) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(super) fn get(&self, QueueKey(key): QueueKey) -> &CallerQueue {
        &self.queues[key]
    }

    pub(super) fn get_mut(&mut self, QueueKey(key): QueueKey) -> &mut CallerQueue {
        &mut self.queues[key]
    }

    /// Iterates over all queues, in an order that does not depend on callers' names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (QueueKey, &CallerQueue)> {
        self.queues
            .iter()
            .map(|(key, queue)| (QueueKey(key), queue))
    }

    /// Iterates over the callers with waiting requests, and their weights.
    pub(super) fn waiting_callers(&self) -> impl Iterator<Item = (&CallerId, u32)> {
        let queues = self.by_caller.iter();
        queues
            .map(|(caller, key)| (caller, self.get(*key)))
            .filter(|(_, queue)| queue.len() > 0)
            .map(|(caller, queue)| (caller, queue.weight() as u32))
    }

    /// Returns the queue of `caller`, and creates it where it does not exist.
    pub(super) fn get_or_create(&mut self, caller: &CallerId, now: Instant) -> QueueKey {
        self.drop_idle(now);
        if let Some(key) = self.by_caller.get(caller) {
            return *key;
        }
        let named = self.settings.limits.named.contains_key(caller);
        if !named && self.unnamed >= self.settings.max_callers.get() as usize {
            return self.overflow_queue(now);
        }
        let queue = CallerQueue::new(self.settings.limits.of(caller), now);
        let key = QueueKey(self.queues.insert(queue));
        self.by_caller.insert(caller.clone(), key);
        self.unnamed += usize::from(!named);
        key
    }

    fn overflow_queue(&mut self, now: Instant) -> QueueKey {
        let (queues, limits) = (&mut self.queues, &self.settings.limits.default);
        *self
            .overflow
            .get_or_insert_with(|| QueueKey(queues.insert(CallerQueue::new(limits, now))))
    }

    fn count_unnamed(&self) -> usize {
        let named = &self.settings.limits.named;
        let callers = self.by_caller.keys();
        callers
            .filter(|caller| !named.contains_key(*caller))
            .count()
    }

    /// Drops idle queues, at most once each [`SWEEP_INTERVAL`].
    fn drop_idle(&mut self, now: Instant) {
        let recent = |at: Instant| now.duration_since(at) < SWEEP_INTERVAL;
        if self.last_sweep.is_some_and(recent) {
            return;
        }
        self.last_sweep = Some(now);
        let queues = &mut self.queues;
        let mut keep = |QueueKey(key): QueueKey| {
            let idle = queues[key].is_idle(now);
            if idle {
                queues.remove(key);
            }
            !idle
        };
        self.by_caller.retain(|_, key| keep(*key));
        self.overflow = self.overflow.filter(|key| keep(*key));
        self.unnamed = self.count_unnamed();
    }
}
