//! The task that polls watched sessions with the quota that unary reads leave.
//!
//! A poll waits for a quota token in the queue of its caller, like a read. One at a time
//! waits there for the calls of other callers, so a read of any caller waits for at most one
//! poll in each round of the queues. The callers that watch sessions take turns for it, and
//! a turn has a time limit.
//!
//! A poll that its own caller delays, by its rate limit or its waiting requests, delays no
//! other caller. It gives the turn to the next caller at once, and waits on. Each caller has
//! at most one waiting poll.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::poll_schedule::{PollSchedule, PollTarget};
use super::result_source::ResultSource;
use crate::model::{CallerId, SessionId, SessionStatus};
use crate::upstream::LivenessApi;

/// How long the task sleeps while no session is watched.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// The watched sessions of this process.
#[derive(Debug)]
pub(super) struct Polls {
    schedule: Mutex<PollSchedule>,
    changed: Notify,
    /// The calls for unary reads.
    reads: AtomicU64,
}

/// Keeps a session scheduled until it is dropped.
#[derive(Debug)]
pub(super) struct PollGuard {
    polls: Arc<Polls>,
    target: PollTarget,
}

/// The turn of a caller, which has no other poll in the queue until it is dropped.
#[derive(Debug)]
pub(super) struct PollTurn {
    polls: Arc<Polls>,
    caller: CallerId,
    /// Held while the poll delays those of other callers.
    permit: Option<OwnedSemaphorePermit>,
}

impl Polls {
    pub(super) fn new(bounds: RangeInclusive<Duration>) -> Self {
        Self {
            schedule: Mutex::new(PollSchedule::new(bounds)),
            changed: Notify::new(),
            reads: AtomicU64::new(0),
        }
    }

    /// Polls a session until the guard is dropped.
    pub(super) fn add(self: &Arc<Self>, target: PollTarget) -> PollGuard {
        self.schedule.lock().add(target.clone());
        self.changed.notify_one();
        PollGuard {
            polls: self.clone(),
            target,
        }
    }

    /// Counts a call for a unary read.
    pub(super) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Schedules the next poll of a session whose status was read just now, or could not be
    /// read.
    pub(super) fn polled(&self, session: &SessionId, status: Option<SessionStatus>) {
        let jitter = fastrand::f64();
        self.schedule
            .lock()
            .polled(session, status, Instant::now(), jitter);
        self.changed.notify_one();
    }
}

impl Drop for PollGuard {
    fn drop(&mut self) {
        self.polls.schedule.lock().remove(&self.target);
    }
}

impl PollTurn {
    /// Passes the turn to the next caller.
    pub(super) fn pass_on(&mut self) {
        self.permit = None;
    }
}

impl Drop for PollTurn {
    fn drop(&mut self) {
        self.polls.schedule.lock().end_turn(&self.caller);
        self.polls.changed.notify_one();
    }
}

/// Polls the watched sessions of `source` until admission ends.
pub(super) async fn run<A: LivenessApi>(source: Arc<ResultSource<A>>) {
    let turns = Arc::new(Semaphore::new(1));
    let mut polls = JoinSet::new();
    while let Ok(permit) = turns.clone().acquire_owned().await {
        while polls.try_join_next().is_some() {}
        let Some(target) = next(&source).await else {
            return;
        };
        let source = source.clone();
        let turn = PollTurn {
            polls: source.polls.clone(),
            caller: target.caller.clone(),
            permit: Some(permit),
        };
        polls.spawn(async move {
            if !source.poll(&target, turn).await {
                source.polls.polled(&target.session, None);
            }
        });
    }
}

/// Waits for the next session to poll.
async fn next<A: LivenessApi>(source: &ResultSource<A>) -> Option<PollTarget> {
    let polls = &source.polls;
    loop {
        let state = source.attempts.admission_state().await?;
        let now = Instant::now();
        let wake_at = {
            let mut schedule = polls.schedule.lock();
            let reads = polls.reads.load(Ordering::Relaxed);
            schedule.measure(state.rate_per_second, reads, now);
            if let Some(target) = schedule.take(now) {
                return Some(target);
            }
            schedule.next_due().unwrap_or(now + IDLE_SLEEP)
        };
        tokio::select! {
            () = polls.changed.notified() => {}
            () = sleep_until(wake_at) => {}
        }
    }
}
