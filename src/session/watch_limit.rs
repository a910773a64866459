//! The limit of watches, and the share of each caller.
//!
//! The share is a [dynamic threshold](https://doi.org/10.1109/90.664262): a caller may have
//! as many watches as still fit. For example, with a limit of 2000 a caller that has the
//! replica to itself has up to 1000. A second one then has up to 500, and there is always
//! room for another.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::CallerId;

/// The watches of a process.
#[derive(Debug)]
pub(super) struct WatchLimit {
    limit: u32,
    /// Whether each caller has a share.
    is_shared: bool,
    counts: Mutex<WatchCounts>,
}

#[derive(Debug, Default)]
struct WatchCounts {
    total: u32,
    of_caller: HashMap<CallerId, u32>,
}

/// Counts a watch until it is dropped.
#[derive(Debug)]
pub(super) struct WatchPlace {
    limit: Arc<WatchLimit>,
    caller: CallerId,
}

/// A watch is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchLimitExceeded {
    /// There are as many watches as allowed.
    #[error("{limit} watches are in progress, the limit of this replica")]
    Process {
        /// The limit.
        limit: u32,
    },
    /// The caller has as many watches as it may have while no more than `free` fit.
    #[error("{limit} watches of this caller are in progress, its share while {free} more fit")]
    Caller {
        /// The watches of the caller.
        limit: u32,
        /// The watches that still fit.
        free: u32,
    },
}

impl WatchLimit {
    pub(super) fn new(limit: u32, is_shared: bool) -> Self {
        Self {
            limit,
            is_shared,
            counts: Mutex::default(),
        }
    }

    /// Counts a watch of `caller` until the guard is dropped.
    pub(super) fn acquire(
        self: &Arc<Self>,
        caller: &CallerId,
    ) -> Result<WatchPlace, WatchLimitExceeded> {
        let mut counts = self.counts.lock();
        let Some(free) = self.limit.checked_sub(counts.total + 1) else {
            return Err(WatchLimitExceeded::Process { limit: self.limit });
        };
        let own = counts.of_caller.get(caller).copied().unwrap_or_default();
        if self.is_shared && own > free {
            return Err(WatchLimitExceeded::Caller { limit: own, free });
        }
        counts.total += 1;
        counts.of_caller.insert(caller.clone(), own + 1);
        Ok(WatchPlace {
            limit: self.clone(),
            caller: caller.clone(),
        })
    }
}

impl Drop for WatchPlace {
    fn drop(&mut self) {
        let mut counts = self.limit.counts.lock();
        counts.total -= 1;
        if let Some(own) = counts.of_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                counts.of_caller.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(limit: &Arc<WatchLimit>, caller: &str) -> Vec<WatchPlace> {
        let caller = CallerId::new(caller).expect("a valid name");
        std::iter::from_fn(|| limit.acquire(&caller).ok()).collect()
    }

    #[test]
    fn callers_that_hold_all_they_can_leave_room_for_another() {
        let limit = Arc::new(WatchLimit::new(2000, true));
        let (first, second) = (hold(&limit, "first"), hold(&limit, "second"));
        assert_eq!((first.len(), second.len()), (1000, 500));
        assert_eq!(hold(&limit, "third").len(), 250);
        drop((first, second));
        assert!(limit.counts.lock().of_caller.is_empty());
        assert_eq!(hold(&limit, "second").len(), 1000);
    }

    #[test]
    fn without_shares_a_caller_may_have_all_watches() {
        let limit = Arc::new(WatchLimit::new(2000, false));
        assert_eq!(hold(&limit, "all").len(), 2000);
    }
}
