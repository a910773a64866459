//! The queues of all callers, found by caller, and their groups.
//!
//! A caller that is named in the settings always has a queue of its own. Every other
//! caller, including one that matches a pattern, has its own up to `max_callers` such
//! callers; beyond that bound the callers of each pattern share one overflow queue, and so
//! do the callers without a pattern. Idle callers are forgotten, so a client cannot use up
//! memory by inventing names.
//!
//! For example, `max_callers` is 2: `a` and `b` have their own queues, then `x`, `y`
//! and `z` share the overflow queue, and the named caller `n` has its own. When
//! nothing of `b` waits and its last request is 31 s old, its queue is dropped, and
//! the next caller without a queue gets its own while `x`, `y` and `z` keep sending.

use std::collections::HashMap;
use std::time::Duration;

use slotmap::{DenseSlotMap, new_key_type};
use tokio::time::Instant;

use super::caller_group::{CallerGroup, GroupKey};
use super::caller_queue::CallerQueue;
use super::limits::{CallerLimits, QueueSettings};
use super::shared::CallerDigest;
use super::turns::{self, Deficit, Members};
use crate::model::CallerId;

mod fleet;

/// How often idle queues are dropped.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

new_key_type! {
    /// Identifies a caller's queue. It is valid while requests wait in the queue or the
    /// queue is scheduled.
    pub struct QueueKey;
}

/// The queues of all callers.
#[derive(Debug)]
pub(super) struct CallerQueues<T> {
    pub(super) settings: QueueSettings,
    /// In an order that does not depend on callers' names.
    pub(super) queues: DenseSlotMap<QueueKey, CallerQueue<T>>,
    /// Dense, because each prediction iterates over all groups.
    pub(super) groups: DenseSlotMap<GroupKey, CallerGroup>,
    by_caller: HashMap<CallerId, QueueKey>,
    by_pattern: HashMap<String, GroupKey>,
    /// How many of `by_caller` are not named and so count towards `max_callers`.
    unnamed: usize,
    /// The queues of all callers beyond `max_callers`, by their pattern.
    overflow: HashMap<Option<String>, QueueKey>,
    /// The part of a rate limit that a group may use until the other replicas are known.
    limit_share: f64,
    last_sweep: Option<Instant>,
}

impl<T> CallerQueues<T> {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            queues: DenseSlotMap::with_key(),
            groups: DenseSlotMap::with_key(),
            by_caller: HashMap::new(),
            by_pattern: HashMap::new(),
            unnamed: 0,
            overflow: HashMap::new(),
            limit_share: 1.0,
            last_sweep: None,
        }
    }

    /// Uses `settings` from now on. All queues leave their rounds.
    pub(super) fn apply(&mut self, settings: QueueSettings, now: Instant) {
        self.settings = settings;
        let previous = std::mem::take(&mut self.groups);
        self.by_pattern.clear();
        let limits = self.settings.limits.clone();
        for (caller, key) in self.by_caller.clone() {
            let pattern = limits.pattern_of(&caller).map(str::to_owned);
            self.regroup(key, pattern, limits.of(&caller), &previous, now);
        }
        for (pattern, key) in self.overflow.clone() {
            let of_pattern = pattern.as_ref().and_then(|text| limits.globs.get(text));
            let pattern = of_pattern.and(pattern);
            let of_pattern = of_pattern.unwrap_or(&limits.default);
            self.regroup(key, pattern, of_pattern, &previous, now);
        }
        self.unnamed = self.count_unnamed();
    }

    fn regroup(
        &mut self,
        key: QueueKey,
        pattern: Option<String>,
        limits: &CallerLimits,
        previous: &DenseSlotMap<GroupKey, CallerGroup>,
        now: Instant,
    ) {
        let before = &previous[self.queues[key].group];
        let same = before.pattern == pattern;
        let group = self.group_of(pattern, self.queues[key].digest, limits, now);
        let queue = &mut self.queues[key];
        let entry = &mut self.groups[group];
        if same && entry.queues == 0 {
            entry.continue_from(before, now);
        }
        entry.queues += 1;
        entry.waiting += queue.len();
        queue.leave_round();
        (queue.group, queue.max_waiting) = (group, limits.max_waiting);
    }

    /// Returns the weight of one caller: an equal part of its group's.
    pub(super) fn weight_of(&self, queue: &CallerQueue<T>) -> f64 {
        let group = &self.groups[queue.group];
        group.weight() / group.round.len().max(1) as f64
    }

    /// Iterates over the queues and the names of their callers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &CallerQueue<T>)> {
        let own = self.by_caller.iter();
        let own = own.map(|(caller, key)| (caller.as_str(), key));
        let overflow = self.overflow.values().map(|key| (CallerId::OVERFLOW, key));
        own.chain(overflow)
            .map(|(name, key)| (name, &self.queues[*key]))
    }

    /// Returns whether a request of `queue` waits that its rate limit allows now.
    pub(super) fn is_ready(&self, queue: &CallerQueue<T>, now: Instant) -> bool {
        queue.len() > 0 && self.groups[queue.group].is_ready(now)
    }

    /// Brings the queue that gets the group's next token to the front of its round, and
    /// returns whether there is one.
    pub(super) fn next_in_group(&mut self, group: GroupKey) -> bool {
        let queues = &mut self.queues;
        turns::next(&mut self.groups[group].round, queues).is_some()
    }

    /// Charges the queue at the front of its group's round for a quota token. Returns
    /// whether the turn of the group is over.
    pub(super) fn charge(&mut self, key: QueueKey, now: Instant) -> bool {
        let queue = &mut self.queues[key];
        let group = &mut self.groups[queue.group];
        if queue.deficit.spend() {
            group.round.rotate_left(1);
        }
        group.charge(now)
    }

    /// Returns the queue of `caller`, and creates it where it does not exist.
    pub(super) fn get_or_create(&mut self, caller: &CallerId, now: Instant) -> QueueKey {
        self.drop_idle(now);
        if let Some(key) = self.by_caller.get(caller) {
            return *key;
        }
        let named = self.settings.limits.named.contains_key(caller);
        let pattern = self.settings.limits.pattern_of(caller).map(str::to_owned);
        let limits = self.settings.limits.of(caller).clone();
        if !named && self.unnamed >= self.settings.max_callers.get() as usize {
            if let Some(key) = self.overflow.get(&pattern) {
                return *key;
            }
            let key = self.create(pattern.clone(), CallerId::OVERFLOW, &limits, now);
            self.overflow.insert(pattern, key);
            return key;
        }
        let key = self.create(pattern, caller.as_str(), &limits, now);
        self.by_caller.insert(caller.clone(), key);
        self.unnamed += usize::from(!named);
        key
    }

    fn create(
        &mut self,
        pattern: Option<String>,
        name: &str,
        limits: &CallerLimits,
        now: Instant,
    ) -> QueueKey {
        let digest = CallerDigest::of_name(name);
        let group = self.group_of(pattern, digest, limits, now);
        self.groups[group].queues += 1;
        let queue = CallerQueue::new(group, digest, limits.max_waiting, now);
        self.queues.insert(queue)
    }

    /// Returns the group of `pattern`, or a new group of the single caller `digest`.
    fn group_of(
        &mut self,
        pattern: Option<String>,
        digest: CallerDigest,
        limits: &CallerLimits,
        now: Instant,
    ) -> GroupKey {
        if let Some(group) = pattern.as_ref().and_then(|text| self.by_pattern.get(text)) {
            return *group;
        }
        let digest = pattern.as_deref().map_or(digest, CallerDigest::of_pattern);
        let group = CallerGroup::new(pattern.clone(), digest, limits, self.limit_share, now);
        let group = self.groups.insert(group);
        if let Some(pattern) = pattern {
            self.by_pattern.insert(pattern, group);
        }
        group
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
        let (queues, groups) = (&mut self.queues, &mut self.groups);
        let mut keep = |key: QueueKey| {
            let queue = &queues[key];
            let group = &mut groups[queue.group];
            // A new group would reset an exhausted rate limit.
            let limit = group.rate_limit.as_ref();
            let idle = queue.is_idle(now) && limit.is_none_or(|l| l.wait_for(now, 1).is_zero());
            if idle {
                group.queues -= 1;
                queues.remove(key);
            }
            !idle
        };
        self.by_caller.retain(|_, key| keep(*key));
        self.overflow.retain(|_, key| keep(*key));
        self.groups
            .retain(|_, group| group.queues > 0 || group.scheduled);
        self.by_pattern
            .retain(|_, key| self.groups.contains_key(*key));
        self.unnamed = self.count_unnamed();
    }
}

/// The queues of a group.
impl<T> Members<QueueKey> for DenseSlotMap<QueueKey, CallerQueue<T>> {
    fn member(&mut self, key: QueueKey) -> Option<(&mut Deficit, f64)> {
        let queue = &mut self[key];
        if queue.len() > 0 {
            return Some((&mut queue.deficit, queue.share));
        }
        queue.leave_round();
        None
    }
}
