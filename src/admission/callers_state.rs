//! The callers in the queue of one operation at one moment, for a status page.

use std::cmp::Reverse;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::scheduler::Scheduler;
use super::{Admission, AdmissionState};

/// The callers that have a queue. The list is bounded, because callers choose their number.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallersState {
    /// The callers with the most waiting requests first, then by name.
    pub callers: Vec<CallerState>,
    /// How many callers the list omits.
    pub omitted_callers: usize,
    /// How many requests of these callers wait.
    pub omitted_waiting: usize,
}

/// One caller, or all callers that share an overflow queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallerState {
    /// The name.
    pub caller: String,
    /// Waiting requests.
    pub waiting: usize,
    /// Recent arrivals.
    pub arrivals_per_second: f64,
    /// The share of the next quota tokens, 0 to 1; 0 while nothing waits or the caller's own
    /// rate limit delays it.
    pub share: f64,
    /// How long the request waited that received a quota token last.
    pub last_wait_seconds: f64,
    /// How long the oldest waiting request has waited.
    pub oldest_wait_seconds: f64,
}

impl Admission {
    /// Returns the current state and the `limit` callers with the most waiting requests, or
    /// `None` once the scheduler has ended.
    #[must_use]
    pub fn snapshot(&self, limit: usize) -> Option<(AdmissionState, CallersState)> {
        self.scheduler
            .run(|s, now| (s.state(now), s.callers_state(limit, now)))
    }
}

impl Scheduler {
    /// Returns the `limit` callers with the most waiting requests.
    pub(super) fn callers_state(&self, limit: usize, now: Instant) -> CallersState {
        let queues = &self.queue.callers;
        let mut named: Vec<_> = queues.iter().collect();
        named.sort_unstable_by_key(|(name, queue)| (Reverse(queue.len()), *name));
        let omitted = named.split_off(limit.min(named.len()));
        let total = queues.weight(now);
        let seconds = |wait: Duration| wait.as_secs_f64();
        let callers = named.into_iter().map(|(name, queue)| CallerState {
            caller: name.to_owned(),
            waiting: queue.len(),
            arrivals_per_second: queue.arrivals.per_second(now),
            share: if queues.is_ready(queue, now) {
                queues.weight_of(queue) / total
            } else {
                0.0
            },
            last_wait_seconds: seconds(queue.last_wait),
            oldest_wait_seconds: {
                let waits = queue.first_entered().map(|request| now - request.arrived);
                waits.max().map_or(0.0, seconds)
            },
        });
        CallersState {
            callers: callers.collect(),
            omitted_callers: omitted.len(),
            omitted_waiting: omitted.iter().map(|(_, queue)| queue.len()).sum(),
        }
    }
}
