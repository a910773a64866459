//! The scheduler behind a lock, and the task that wakes it.
//!
//! Each caller runs the scheduler itself, under the lock, so a request that gets a token
//! at once, or is refused, switches to no other task. The task handles timers only. For
//! example, a request is queued and its token is due in 40 ms. The task sleeps until its
//! next timer in 3 s, so it is woken, and then sleeps for 40 ms.
//!
//! A panic of the scheduler, which only a bug can cause, ends it: all requests are
//! refused, because their replies are dropped.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::Scheduler;

/// How long the task sleeps when no timer is due.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// A scheduler. Clones share it, and the task ends with the last one.
pub(in crate::admission) type SchedulerHandle = Arc<LockedScheduler>;

/// A scheduler behind a lock.
#[derive(derive_more::Debug)]
#[debug("LockedScheduler(..)")]
pub(in crate::admission) struct LockedScheduler {
    state: Mutex<State>,
    /// Wakes the task, because a timer is due earlier than it knows.
    wake: Arc<Notify>,
    _timers: AbortOnDropHandle<()>,
}

struct State {
    scheduler: Scheduler,
    /// When the task wakes.
    wakes_at: Instant,
}

impl LockedScheduler {
    /// Starts the task of `scheduler`.
    pub(in crate::admission) fn start(scheduler: Scheduler) -> SchedulerHandle {
        let wake = Arc::<Notify>::default();
        let wakes_at = Instant::now() + IDLE_SLEEP;
        Arc::new_cyclic(|this| Self {
            state: Mutex::new(State {
                scheduler,
                wakes_at,
            }),
            wake: wake.clone(),
            _timers: AbortOnDropHandle::new(tokio::spawn(run_timers(this.clone(), wake, wakes_at))),
        })
    }

    /// Calls `act` now, and then everything that is due. Returns `None` once the scheduler
    /// has ended.
    pub(in crate::admission) fn run<T>(
        &self,
        act: impl FnOnce(&mut Scheduler, Instant) -> T,
    ) -> Option<T> {
        let mut state = self.state.lock().ok()?;
        // Read under the lock, so that time never runs backwards.
        let now = Instant::now();
        let result = state.scheduler.run(act, now);
        if let Some(next) = state.scheduler.next_wake(now)
            && next < state.wakes_at
        {
            state.wakes_at = next;
            self.wake.notify_one();
        }
        Some(result)
    }

    /// Runs what is due, and returns when to do so next, unless the scheduler has ended.
    fn run_due(&self) -> Option<Instant> {
        let mut state = self.state.lock().ok()?;
        let now = Instant::now();
        state.scheduler.run(|_, _| (), now);
        state.wakes_at = (state.scheduler.next_wake(now)).unwrap_or(now + IDLE_SLEEP);
        Some(state.wakes_at)
    }
}

async fn run_timers(scheduler: Weak<LockedScheduler>, wake: Arc<Notify>, wakes_at: Instant) {
    let mut next = Some(wakes_at);
    while let Some(wakes_at) = next {
        // It is woken or the time has come: both are handled alike.
        let _ = timeout_at(wakes_at, wake.notified()).await;
        next = scheduler
            .upgrade()
            .and_then(|scheduler| scheduler.run_due());
    }
}
