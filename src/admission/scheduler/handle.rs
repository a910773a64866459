//! The scheduler behind a lock, and the task that wakes it.
//!
//! Callers handle their own events under the lock, so a request that gets a token at
//! once, or is refused, switches to no other task. The task handles timers and the
//! events of the store. For example, a request is queued and its token is due in 40 ms.
//! The task sleeps until its next timer in 3 s, so it is sent [`SchedulerEvent::Wake`],
//! and then sleeps for 40 ms.
//!
//! A panic of the scheduler, which only a bug can cause, ends it: events are dropped with
//! their replies.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Scheduler;
use crate::admission::event::SchedulerEvent;

/// How long the task sleeps when no timer is due.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// A scheduler. Clones share it.
#[derive(Clone)]
pub(crate) struct SchedulerHandle {
    state: Arc<Mutex<State>>,
    /// The task ends when the last sender is dropped.
    events: mpsc::UnboundedSender<SchedulerEvent>,
}

struct State {
    scheduler: Scheduler,
    /// When the task wakes.
    wakes_at: Instant,
}

impl SchedulerHandle {
    /// Starts the task of the scheduler, which `new` returns. It receives the sender of
    /// the events that come from other tasks.
    pub(crate) fn start(
        new: impl FnOnce(&mpsc::UnboundedSender<SchedulerEvent>, Instant) -> Scheduler,
    ) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let now = Instant::now();
        let state = Arc::new(Mutex::new(State {
            scheduler: new(&events, now),
            wakes_at: now,
        }));
        tokio::spawn(run(Arc::clone(&state), receiver));
        Self { state, events }
    }

    /// Handles `event` now.
    pub(crate) fn handle(&self, event: SchedulerEvent) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        // Read under the lock, so that time never runs backwards.
        let now = Instant::now();
        state.scheduler.apply(event, now);
        let next = state.scheduler.next_wake(now);
        if let Some(next) = next.filter(|next| *next < state.wakes_at) {
            state.wakes_at = next;
            // The task lives as long as this sender.
            let _ = self.events.send(SchedulerEvent::Wake);
        }
    }
}

impl fmt::Debug for SchedulerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchedulerHandle").finish_non_exhaustive()
    }
}

/// Handles timers and the events of other tasks, until all senders are dropped.
async fn run(state: Arc<Mutex<State>>, mut events: mpsc::UnboundedReceiver<SchedulerEvent>) {
    while let Some(wakes_at) = sleep(&state, Instant::now()) {
        let event = match timeout_at(wakes_at, events.recv()).await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(_) => SchedulerEvent::Wake,
        };
        let Ok(mut state) = state.lock() else {
            return;
        };
        state.scheduler.apply(event, Instant::now());
    }
}

/// Returns when the task wakes next, unless the scheduler has ended.
fn sleep(state: &Mutex<State>, now: Instant) -> Option<Instant> {
    let mut state = state.lock().ok()?;
    let next = state.scheduler.next_wake(now);
    state.wakes_at = next.unwrap_or(now + IDLE_SLEEP);
    Some(state.wakes_at)
}
