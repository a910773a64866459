//! The turns of the groups: a group leaves the round when none of its requests wait, or
//! its rate limit allows no call.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use super::super::caller_group::GroupKey;
use super::super::caller_queues::CallerQueues;
use super::super::turns::{Deficit, Members};

/// The rate limited groups, by the instant at which the limit allows the next call.
pub(super) type RateLimited = BinaryHeap<Reverse<(Instant, GroupKey)>>;

/// The groups of the round, at one instant.
pub(super) struct Groups<'a, T> {
    pub(super) callers: &'a mut CallerQueues<T>,
    pub(super) rate_limited: &'a mut RateLimited,
    pub(super) now: Instant,
}

impl<T> Members<GroupKey> for Groups<'_, T> {
    fn member(&mut self, key: GroupKey) -> Option<(&mut Deficit, f64)> {
        let waits = self.callers.next_in_group(key);
        let group = &mut self.callers.groups[key];
        let wait = group.rate_limited_for(self.now, 1);
        if waits && wait.is_zero() {
            let quantum = group.weight();
            return Some((&mut group.deficit, quantum));
        }
        group.deficit = Deficit::default();
        group.scheduled = waits;
        if waits {
            self.rate_limited.push(Reverse((self.now + wait, key)));
        }
        None
    }
}
