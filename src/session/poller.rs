//! The task that polls watched sessions with the quota that unary reads leave.
//!
//! One poll at a time waits for a quota token, and only while no read waits; a session
//! that is about to expire waits in the queue like a read. The quota token is charged to
//! the callers that watch the session, in turn.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::poll_schedule::{PollSchedule, PollTarget};
use super::result_source::ResultSource;
use crate::model::{SessionId, SessionStatus};
use crate::upstream::LivenessApi;

/// How long polls wait before they check again whether reads wait.
const BUSY_DELAY: Duration = Duration::from_millis(100);

/// The time before its expiry at which a session is polled although reads wait.
const URGENT: Duration = Duration::from_secs(20);

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

/// Polls the watched sessions of `source` until admission ends.
pub(super) async fn run<A: LivenessApi>(source: Arc<ResultSource<A>>) {
    let turns = Arc::new(Semaphore::new(1));
    let mut polls = JoinSet::new();
    while let Ok(turn) = turns.clone().acquire_owned().await {
        while polls.try_join_next().is_some() {}
        let Some(target) = next(&source).await else {
            return;
        };
        let source = source.clone();
        polls.spawn(async move {
            if !source.poll(&target, turn).await {
                source.polls.polled(&target.session, None);
            }
        });
    }
}

/// Waits for the next session to poll: while reads wait, only for one that is about to
/// expire.
async fn next<A: LivenessApi>(source: &ResultSource<A>) -> Option<PollTarget> {
    let polls = &source.polls;
    loop {
        let state = source.attempts.admission_state().await?;
        let now = Instant::now();
        let wake_at = {
            let mut schedule = polls.schedule.lock();
            let reads = polls.reads.load(Ordering::Relaxed);
            schedule.measure(state.rate_per_second, reads, now);
            let expires_by = (state.waiting > 0).then_some(now + URGENT);
            if let Some(target) = schedule.take(now, expires_by) {
                return Some(target);
            }
            if schedule.has_due() {
                now + BUSY_DELAY
            } else {
                schedule.next_due().unwrap_or(now + IDLE_SLEEP)
            }
        };
        tokio::select! {
            () = polls.changed.notified() => {}
            () = sleep_until(wake_at) => {}
        }
    }
}
