//! Admission: schedules the calls of a quota among callers, and decides when each may
//! be made.
//!
//! [`Admission::admit`] returns a [`Permit`] for one attempt, or [`AdmissionRefused`].
//! This module owns the queue, the token bucket and the rate of one operation. It knows
//! nothing of AWS, of gRPC, or of the purpose of a permit.
//!
//! # Terms
//!
//! - A *quota token* is one call that the quota allows. Tokens become available one by
//!   one, and each is granted to the request that is next at that moment (*late
//!   binding*), so a cancelled request costs no token.
//! - The requests of each caller wait in a *queue* of their own. Queues take turns by
//!   weight ([deficit round robin](https://en.wikipedia.org/wiki/Deficit_round_robin)).
//! - *Prediction*: a request that would not get a token in time is refused at arrival,
//!   with a retry delay.
//! - A *retry* enters at the head of its caller's queue and costs a token like any
//!   attempt.
//! - The rate adapts to throttling
//!   ([AIMD](https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease)).
//!
//! For example, the quota is 25 calls a second, an attempt typically takes 0.3 s, and one
//! caller sends 200 requests at once with a deadline of 5 s. The request at position 116 is
//! predicted to wait 116 / 24.5 = 4.73 s, which leaves less than an attempt needs. It and
//! all behind it are refused at once, with retry delays one token apart. A second caller's
//! first request has a queue of its own, and gets the next token but one.
//!
//! ```text
//! admit -> [predict] --refused, retry after
//!             | caller's queue
//!             v
//!        scheduler --quota token--> Permit -> finish(outcome) -> rate adapts
//! ```

mod adaptive;
mod arrivals;
mod caller_group;
mod caller_queue;
mod caller_queues;
mod caller_rate_limit;
mod callers_state;
mod check_limit;
mod latency;
mod limits;
mod local;
mod metrics;
mod predict;
pub mod queue;
mod refused;
mod scheduler;
mod shared;
mod token_source;
mod turns;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::queue::Ticket;
use self::scheduler::{Grant, LockedScheduler, Reply, Scheduler, SchedulerHandle};
use self::shared::{Reserver, SharedReservations};
use crate::model::{CallerId, Deadline};

pub use self::callers_state::{CallerState, CallersState};
pub use self::check_limit::CheckLimit;
pub use self::limits::{CallerLimits, MaxRateMode, QueueSettings, Weight};
pub use self::metrics::{AdmissionMetrics, AdmissionState};
pub use self::queue::ArrivalKind;
pub use self::refused::{AdmissionRefused, RefusalReason};
pub use self::shared::SharedQuota;

/// How long a replica that shuts down tries to leave the shared quota: longer than a short
/// stall of the store.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The quota of one operation, and the longest wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaSettings {
    /// AWS's quota, in calls a second; 0.001 to 10,000.
    pub rate_per_second: f64,
    /// The most calls at once after idle time.
    pub burst: NonZeroU32,
    /// The share of the quota to use: 0.01 to 1.
    pub target_utilization: f64,
    /// The longest wait of a request, whatever its deadline.
    pub max_wait: Duration,
}

impl QuotaSettings {
    /// Returns the rate to use, in calls a second.
    #[must_use]
    pub fn spendable_per_second(&self) -> f64 {
        self.rate_per_second * self.target_utilization
    }
}

/// The settings of one operation's admission. All of them can change while requests
/// wait.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionSettings {
    /// The quota.
    pub quota: QuotaSettings,
    /// How callers share the quota.
    pub callers: QueueSettings,
    /// Whether the rate falls while AWS throttles calls below the quota.
    pub adaptive: bool,
    /// The limit of checks under way, which bounds the rate of created sessions.
    pub check_limit: Option<CheckLimit>,
}

/// Admission to the quota of one operation. Clones share it.
#[derive(Clone, Debug)]
pub struct Admission {
    scheduler: SchedulerHandle,
    /// Cancelled once this replica has left the quota that it shares, if it does.
    left: CancellationToken,
}

impl Admission {
    /// Starts with an empty bucket.
    #[must_use]
    pub fn open(settings: AdmissionSettings) -> Self {
        let scheduler = Scheduler::new(settings, None, Instant::now());
        let left = CancellationToken::new();
        left.cancel();
        Self {
            scheduler: LockedScheduler::start(scheduler),
            left,
        }
    }

    /// Like [`open`](Self::open), for a quota that this replica shares with others.
    #[must_use]
    pub fn open_shared(settings: AdmissionSettings, quota: SharedQuota) -> Self {
        let demand_changed = Arc::<Notify>::default();
        let reservations = SharedReservations::new(&quota, demand_changed.clone());
        let scheduler = Scheduler::new(settings, Some(reservations), Instant::now());
        let scheduler = LockedScheduler::start(scheduler);
        let reserver = Reserver::new(quota, demand_changed, Arc::downgrade(&scheduler));
        let left = CancellationToken::new();
        let leaving = left.clone().drop_guard();
        tokio::spawn(async move {
            reserver.run().await;
            drop(leaving);
        });
        Self { scheduler, left }
    }

    /// Waits for a permit.
    ///
    /// Dropping the future frees the request's position at once and costs no token.
    ///
    /// # Errors
    /// [`AdmissionRefused`], at once where the predicted wait exceeds the deadline or
    /// `max_wait`; later where the prediction was too low.
    pub async fn admit(
        &self,
        caller: &CallerId,
        kind: ArrivalKind,
        deadline: Deadline,
    ) -> Result<Permit, AdmissionRefused> {
        let scheduler = &self.scheduler;
        let queued = scheduler.run(|s, now| s.arrive(caller, kind, deadline, now));
        let (ticket, reply) = queued.unwrap_or(Err(AdmissionRefused::CLOSED))?;
        let mut request = QueuedRequest {
            scheduler,
            ticket,
            reply,
        };
        let reply = (&mut request.reply).await;
        Ok(Permit {
            grant: reply.unwrap_or(Err(AdmissionRefused::CLOSED))?,
            spent: false,
            scheduler: scheduler.clone(),
            granted_at: Instant::now(),
        })
    }

    /// Returns whether the next request of `caller` would wait for the caller's own rate limit
    /// or requests, so that it delays no other caller.
    #[must_use]
    pub fn is_held_back(&self, caller: &CallerId) -> bool {
        let scheduler = &self.scheduler;
        let is_held_back = scheduler.run(|s, now| s.queue.is_held_back(caller, now));
        is_held_back.unwrap_or(false)
    }

    /// Uses `settings` from now on. Waiting requests keep their positions, and the
    /// bucket gains no second burst.
    pub fn apply(&self, settings: AdmissionSettings) {
        self.scheduler.run(|s, now| s.configure(settings, now));
    }

    /// Refuses all waiting requests, and new ones from now on, with
    /// [`RefusalReason::Closed`]. This cannot be undone.
    pub fn close(&self) {
        self.scheduler.run(|s, _| s.close());
    }

    /// [Closes](Self::close) admission, and removes this replica from the quota that it
    /// shares, so that the others use its share at once. It takes at most 1 s; if the store is
    /// unavailable, the others forget the replica after 5 s. If the future is dropped, the
    /// replica is removed while the process runs.
    pub async fn leave(&self) {
        self.close();
        // A replica that is not removed is forgotten later.
        let _ = timeout(LEAVE_TIMEOUT, self.left.cancelled()).await;
    }

    /// Returns the current state, or `None` once the scheduler has ended.
    #[must_use]
    pub fn state(&self) -> Option<AdmissionState> {
        self.scheduler.run(|s, now| s.state(now))
    }
}

/// A request that waits for its reply. Dropping it earlier cancels it.
struct QueuedRequest<'a> {
    scheduler: &'a SchedulerHandle,
    ticket: Ticket,
    reply: oneshot::Receiver<Reply>,
}

impl Drop for QueuedRequest<'_> {
    fn drop(&mut self) {
        if self.reply.is_terminated() {
            return;
        }
        self.scheduler
            .run(|s, now| s.cancel(self.ticket, &mut self.reply, now));
    }
}

/// The permission to make one attempt. Dropping it returns the quota token, unless
/// [`spend`](Self::spend) was called. A spent permit that is dropped without an outcome
/// counts as neither a success nor a failure.
#[derive(Debug)]
#[must_use = "a dropped permit returns its quota token"]
pub struct Permit {
    scheduler: SchedulerHandle,
    granted_at: Instant,
    grant: Grant,
    spent: bool,
}

impl Permit {
    /// Returns how long the request waited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.grant.waited
    }

    /// Returns the wait that was predicted at arrival.
    #[must_use]
    pub fn predicted(&self) -> Duration {
        self.grant.predicted
    }

    /// Returns the section of the limit in shadow mode that would have refused the request.
    #[must_use]
    pub fn shadow_refusal(&self) -> Option<&str> {
        self.grant.shadow_refusal.as_deref()
    }

    /// Keeps the quota token, because the attempt is about to be sent.
    pub fn spend(&mut self) {
        self.spent = true;
    }

    /// Reports the attempt's outcome, which adapts the rate and the predictions.
    pub fn finish(mut self, outcome: AttemptOutcome) {
        self.spend();
        let took = self.granted_at.elapsed();
        self.scheduler.run(|s, now| s.finish(outcome, took, now));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.spent {
            self.scheduler.run(|s, now| s.tokens.return_token(now));
        }
    }
}

/// The outcome of an attempt, as far as admission distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// AWS answered or timed out, and did not throttle: its duration is a latency sample.
    Answered,
    /// AWS throttled the attempt.
    Throttled,
}
