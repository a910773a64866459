//! Admission: who may spend the next call of the quota, and when.
//!
//! [`Admission::admit`] answers with a [`Permit`], good for one attempt, or with
//! [`AdmissionRefused`]. It owns the waiting line, the bucket and the rate of one
//! operation; it knows nothing of AWS, of gRPC, or of what a permit is spent on.
//!
//! # The terms
//!
//! - A *slot* is one call that the quota allows. Slots come one by one, and each
//!   is given to whoever is first when it comes (*late binding*), so a caller that
//!   gave up costs nothing.
//! - A *line* holds the waiting requests of one caller. CallerQueues take turns by weight.
//! - *Prediction*: a request that would not get its slot in time is refused as it
//!   arrives, and told when to come back.
//! - A *retry* enters at the head of its caller's line and pays like any attempt.
//!
//! # An example
//!
//! 25 calls a second, one caller with 200 requests at once, each with a deadline of
//! 5 s; an attempt typically takes 0.3 s. Place 116 is predicted to wait
//! 116 / 24.5 = 4.73 s, which leaves less than an attempt needs: it and all behind
//! it are refused at once, each told to come back one slot later than the one
//! before. A second caller's first request finds its own line empty and gets the
//! next slot but one.
//!
//! ```text
//! admit -> [predict] --refused, with a hint
//!             | line of the caller
//!             v
//!        queue --slot comes--> Permit -> finish(outcome) -> rate adapts
//! ```

mod adaptive;
mod arrivals;
mod caller_queue;
mod caller_queues;
mod caller_rate_limit;
mod clock;
mod event;
mod latency;
mod limits;
mod local;
mod metrics;
mod permit_source;
mod predict;
pub mod queue;
mod scheduler;
mod shared;
mod waiters;

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::event::{Arrival, SchedulerEvent, Slot};
use self::queue::Ticket;
use self::scheduler::Scheduler;
use self::shared::SharedSlots;
use crate::model::CallerId;
use crate::model::Deadline;

pub use self::limits::{CallerLimits, QueueSettings, Weight};
pub use self::metrics::{AdmissionMetrics, AdmissionState};
pub use self::queue::ArrivalKind;
pub use self::shared::{SEEN_FOR, SharedQuota};

/// The quota of one operation, and how long a request may wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaSettings {
    /// AWS's quota, in calls a second; 0.001 to 10,000.
    pub rate_per_second: f64,
    /// How many calls may be released at once after idleness.
    pub burst: NonZeroU32,
    /// The share of the quota that is ours to spend: above 0, at most 1.
    pub target_utilization: f64,
    /// The longest a request waits, whatever its deadline.
    pub max_wait: Duration,
}

impl QuotaSettings {
    /// The rate that is ours to spend, in calls a second.
    #[must_use]
    pub fn spendable_per_second(&self) -> f64 {
        self.rate_per_second * self.target_utilization
    }
}

/// Everything that admission to one operation goes by. All of it can change
/// while requests wait.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionSettings {
    /// The quota.
    pub quota: QuotaSettings,
    /// How callers share it.
    pub callers: QueueSettings,
    /// Whether the rate falls while AWS throttles us below the quota.
    pub adaptive: bool,
}

/// The one door to an operation's quota. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Admission {
    mailbox: mpsc::UnboundedSender<SchedulerEvent>,
}

impl Admission {
    /// Opens a door whose bucket is empty, and starts the task that drives it.
    /// The task ends when the last clone and the last permit are gone.
    #[must_use]
    pub fn open(settings: AdmissionSettings) -> Self {
        let (mailbox, events) = mpsc::unbounded_channel();
        tokio::spawn(Scheduler::new(settings, None, Instant::now()).drive(events));
        Self { mailbox }
    }

    /// The same, for a quota that this replica shares with others.
    #[must_use]
    pub fn open_shared(settings: AdmissionSettings, quota: SharedQuota) -> Self {
        let (mailbox, events) = mpsc::unbounded_channel();
        let now = Instant::now();
        let slots = SharedSlots::open(quota, mailbox.downgrade(), now);
        tokio::spawn(Scheduler::new(settings, Some(slots), now).drive(events));
        Self { mailbox }
    }

    /// Waits for a slot.
    ///
    /// Dropped half way, it frees its place at once and costs no slot.
    ///
    /// # Errors
    /// [`AdmissionRefused`], at once where the wait would not fit the deadline or the
    /// longest wait; later where the forecast was wrong.
    pub async fn admit(
        &self,
        caller: &CallerId,
        entry: ArrivalKind,
        deadline: Deadline,
    ) -> Result<Permit, AdmissionRefused> {
        let ticket = Arc::default();
        let (reply, answer) = oneshot::channel();
        let arrival = Arrival {
            ticket: Arc::clone(&ticket),
            caller: caller.clone(),
            entry,
            deadline,
            reply,
        };
        self.mailbox
            .send(SchedulerEvent::Arrive(arrival))
            .map_err(|_| AdmissionRefused::closed())?;
        let mut place = Place {
            mailbox: &self.mailbox,
            ticket,
            answer,
        };
        let slot = place.answer().await?;
        Ok(Permit {
            mailbox: self.mailbox.clone(),
            granted: Instant::now(),
            slot,
        })
    }

    /// Goes by other settings from now on. Nobody who waits loses the place, and
    /// there is no second burst.
    pub fn apply(&self, settings: AdmissionSettings) {
        // A gate that is gone has nobody waiting.
        let _ = self.mailbox.send(SchedulerEvent::Apply(Box::new(settings)));
    }

    /// Turns away whoever waits, and whoever comes from now on, with
    /// [`RefusalReason::Closed`]. There is no opening it again.
    pub fn close(&self) {
        let _ = self.mailbox.send(SchedulerEvent::Close);
    }

    /// What the door looks like now; `None` once the gate is gone.
    pub async fn state(&self) -> Option<AdmissionState> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(SchedulerEvent::Look(reply)).ok()?;
        answer.await.ok()
    }
}

/// A place in the queue, freed when a call is dropped while it waits.
struct Place<'a> {
    mailbox: &'a mpsc::UnboundedSender<SchedulerEvent>,
    /// Set by the gate, once the request stands in line.
    ticket: Arc<OnceLock<Ticket>>,
    answer: oneshot::Receiver<Result<Slot, AdmissionRefused>>,
}

impl Place<'_> {
    async fn answer(&mut self) -> Result<Slot, AdmissionRefused> {
        (&mut self.answer)
            .await
            .map_err(|_| AdmissionRefused::closed())?
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.answer.is_terminated() {
            return;
        }
        // Closed first, so that no slot comes after the look.
        self.answer.close();
        let given_up = match self.answer.try_recv() {
            Ok(Ok(_)) => SchedulerEvent::PutBack,
            Ok(Err(_)) => return,
            Err(_) => SchedulerEvent::Cancel(Arc::clone(&self.ticket)),
        };
        let _ = self.mailbox.send(given_up);
    }
}

/// The right to one attempt. Dropped without an outcome it counts as neither a
/// success nor a failure.
#[derive(Debug)]
#[must_use = "a permit is a slot of the quota, spent"]
pub struct Permit {
    mailbox: mpsc::UnboundedSender<SchedulerEvent>,
    granted: Instant,
    slot: Slot,
}

impl Permit {
    /// How long it took to come.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.slot.waited
    }

    /// How long it was predicted to take when its request came.
    #[must_use]
    pub fn predicted(&self) -> Duration {
        self.slot.predicted
    }

    /// Says what came of the attempt, so that rate and forecast can learn.
    pub fn finish(self, outcome: AttemptOutcome) {
        let took = self.granted.elapsed();
        let _ = self.mailbox.send(SchedulerEvent::Finish { outcome, took });
    }
}

/// What came of an attempt, as far as admission cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It reached AWS and was not throttled.
    Answered,
    /// AWS says that the quota is spent.
    Throttled,
}

/// Why there was no slot, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AdmissionRefused {
    /// What was in the way.
    pub reason: RefusalReason,
    /// When a slot is likely; zero where coming back does not depend on time.
    pub retry_after: Duration,
}

impl AdmissionRefused {
    fn closed() -> Self {
        Self {
            reason: RefusalReason::Closed,
            retry_after: Duration::ZERO,
        }
    }
}

/// What was in the way of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RefusalReason {
    /// The quota that all callers share would not have come round in time.
    #[error("the shared quota would not come round in time")]
    Quota,
    /// The caller's own ceiling, or the bound on its waiting requests.
    #[error("the caller's own limit is reached")]
    CallerQuota,
    /// The deadline leaves no time for any attempt.
    #[error("the deadline leaves no time for an attempt")]
    DeadlineTooShort,
    /// The door is closed: the process is leaving.
    #[error("the service is leaving")]
    Closed,
}
