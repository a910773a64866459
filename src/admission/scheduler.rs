//! The task that drives one operation's queue: `select` waits, `apply` decides.
//!
//! It owns the queue, the pace and the record of attempts, and is the only one to
//! touch them, so none of them needs a lock. Everything that happens is an
//! [`SchedulerEvent`]; after each, every slot that is there is given to whoever is first.

mod refusal;

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::time::{DelayQueue, delay_queue};

use super::event::{Arrival, SchedulerEvent, Slot};
use super::latency::Latencies;
use super::permit_source::PermitSource;
use super::queue::{FairQueue, Prediction, QueueKey, Ticket};
use super::shared::SharedSlots;
use super::{AdmissionRefused, AdmissionSettings, AttemptOutcome, RefusalReason};
use crate::model::Deadline;

/// The share of attempts that a typical one is as quick as.
const TYPICAL: f64 = 0.99;

/// The share that a hopeful one is as quick as: a slot that leaves less than
/// this would most likely be wasted.
const HOPEFUL: f64 = 0.5;

/// No attempt at AWS is quicker: its way there and back takes longer.
const LEAST_ATTEMPT: Duration = Duration::from_millis(10);

/// How long after a caller joins the others' lines are looked over: callers come
/// in crowds, and one look is enough for all of them.
const REVIEW_AFTER: Duration = Duration::from_millis(20);

/// How long it sleeps where there is nothing to wake for.
const LONG: Duration = Duration::from_secs(3600);

/// Whoever waits, and until when a slot is of use.
#[derive(Debug)]
struct Pending {
    reply: oneshot::Sender<Result<Slot, AdmissionRefused>>,
    arrived: Instant,
    predicted: Duration,
    /// The longest wait, as it was configured when the request came.
    waits_until: Instant,
    deadline: Deadline,
    expiry: delay_queue::Key,
}

/// Why the task woke.
enum Woken {
    SchedulerEvent(SchedulerEvent),
    Expired(Ticket),
    Slot,
}

/// Everything there is to one operation's admission.
pub(super) struct Scheduler {
    max_wait: Duration,
    queue: FairQueue<Pending>,
    expiries: DelayQueue<Ticket>,
    pace: PermitSource,
    latencies: Latencies,
    /// When to look for those who were overtaken since they were let in.
    review_at: Option<Instant>,
    /// Whether the process is about to be gone.
    closed: bool,
}

impl Scheduler {
    pub(super) fn new(
        settings: AdmissionSettings,
        shared: Option<SharedSlots>,
        now: Instant,
    ) -> Self {
        Self {
            max_wait: settings.quota.max_wait,
            pace: PermitSource::starting(now, &settings, shared),
            queue: FairQueue::new(settings.callers),
            expiries: DelayQueue::new(),
            latencies: Latencies::new(now),
            review_at: None,
            closed: false,
        }
    }

    /// Runs until nobody is left who could send an event.
    pub(super) async fn drive(mut self, mut events: mpsc::UnboundedReceiver<SchedulerEvent>) {
        while let Some(woken) = self.select(&mut events).await {
            self.apply(woken, Instant::now());
        }
    }

    /// Waits for something to do; `None` once there can be nothing more.
    async fn select(
        &mut self,
        events: &mut mpsc::UnboundedReceiver<SchedulerEvent>,
    ) -> Option<Woken> {
        let now = Instant::now();
        let wake = self.next_wake(now).unwrap_or(now + LONG);
        tokio::select! {
            biased;
            event = events.recv() => event.map(Woken::SchedulerEvent),
            Some(expired) = self.expiries.next() => Some(Woken::Expired(expired.into_inner())),
            () = sleep_until(wake) => Some(Woken::Slot),
        }
    }

    /// When there is something to do though nothing happens.
    fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        let slot = self.queue.ready_at(now)?.max(self.pace.next_slot(now));
        let sooner = self.pace.next_climb().into_iter().chain(self.review_at);
        Some(sooner.fold(slot, Instant::min))
    }

    fn apply(&mut self, woken: Woken, now: Instant) {
        self.pace.adapt(now);
        match woken {
            Woken::SchedulerEvent(event) => self.happen(event, now),
            Woken::Expired(ticket) => self.expire(ticket, now),
            Woken::Slot => {}
        }
        self.pace.adapt(now);
        self.give_slots(now);
        if self.review_at.is_some_and(|due| due <= now) {
            self.review(now);
        }
    }

    fn happen(&mut self, event: SchedulerEvent, now: Instant) {
        match event {
            SchedulerEvent::Arrive(arrival) => self.arrive(arrival, now),
            SchedulerEvent::Cancel(ticket) => {
                if let Some(ticket) = ticket.get() {
                    self.take_out(*ticket);
                }
            }
            SchedulerEvent::PutBack => self.pace.put_back(now),
            SchedulerEvent::News(news) => {
                if self.pace.hear(news, now) {
                    self.review_soon(now);
                }
            }
            SchedulerEvent::Finish { outcome, took } => match outcome {
                AttemptOutcome::Answered => self.latencies.record(now, took),
                // A throttled attempt ends early: it says nothing of the others.
                AttemptOutcome::Throttled => {
                    self.pace.throttled(now);
                    self.review_soon(now);
                }
            },
            SchedulerEvent::Apply(settings) => {
                self.max_wait = settings.quota.max_wait;
                self.pace.apply(now, &settings);
                self.queue.apply(settings.callers, now);
                self.review_soon(now);
            }
            SchedulerEvent::Close => self.close(),
            SchedulerEvent::Look(reply) => {
                let (waiting, callers) = (self.queue.len(), self.queue.callers());
                let _ = reply.send(self.pace.state(now, waiting, callers));
            }
        }
    }

    fn arrive(&mut self, arrival: Arrival, now: Instant) {
        let deadline = arrival.deadline;
        if let Some(reason) = self.turned_away(deadline, now) {
            let retry_after = Duration::ZERO;
            let _ = arrival.reply.send(Err(AdmissionRefused {
                reason,
                retry_after,
            }));
            return;
        }
        let line = self
            .queue
            .record_arrival(&arrival.caller, arrival.entry, now);
        let availability = self.pace.availability(now);
        let prediction = self.queue.predict(line, arrival.entry, availability, now);
        let room = self.room(deadline, TYPICAL, now);
        if prediction.wait > room && !prediction.wait.is_zero() {
            let refused = self.refusal(line, prediction, room, now);
            let _ = arrival.reply.send(Err(refused));
            return;
        }
        self.enter(line, prediction, arrival, now);
    }

    /// Puts a request into its line.
    fn enter(&mut self, line: QueueKey, prediction: Prediction, arrival: Arrival, now: Instant) {
        let Arrival {
            ticket: told,
            entry,
            deadline,
            reply,
            ..
        } = arrival;
        let useful = self.room(deadline, HOPEFUL, now);
        let vacancy = match self.queue.vacant_position(line) {
            Ok(vacancy) => vacancy,
            Err(full) => {
                let room = self.room(deadline, TYPICAL, now);
                let cause = full.cause();
                let prediction = Prediction {
                    cause,
                    ..prediction
                };
                let refused = self.refusal(line, prediction, room, now);
                let _ = reply.send(Err(refused));
                return;
            }
        };
        let ticket = vacancy.push(entry, |ticket| Pending {
            reply,
            arrived: now,
            predicted: prediction.wait,
            waits_until: now + self.max_wait,
            deadline,
            expiry: self.expiries.insert_at(ticket, now + useful),
        });
        // Nobody else sets it, and this once.
        let _ = told.set(ticket);
        if self.queue.caller_len(line) == 1 {
            self.review_soon(now);
        }
    }

    /// Why a request is not even looked at: it takes no part in any forecast.
    fn turned_away(&self, deadline: Deadline, now: Instant) -> Option<RefusalReason> {
        if self.closed {
            Some(RefusalReason::Closed)
        } else if deadline.left(now) < LEAST_ATTEMPT {
            Some(RefusalReason::DeadlineTooShort)
        } else {
            None
        }
    }

    /// How long a request may wait so that an attempt still fits its deadline.
    fn room(&mut self, deadline: Deadline, attempt: f64, now: Instant) -> Duration {
        let attempt = self.latencies.percentile(now, attempt);
        let fits = deadline.left(now).saturating_sub(attempt);
        fits.min(self.max_wait)
    }

    fn take_out(&mut self, ticket: Ticket) -> Option<(QueueKey, Pending)> {
        let (line, waiter) = self.queue.remove(ticket)?;
        self.expiries.remove(&waiter.expiry);
        Some((line, waiter))
    }

    /// Gives every slot that is there to whoever is first and can use it.
    fn give_slots(&mut self, now: Instant) {
        while self.pace.next_slot(now) <= now {
            let hopeful = self.latencies.percentile(now, HOPEFUL);
            let Some((ticket, waiter)) = self.queue.peek(now) else {
                break;
            };
            let too_late = waiter.arrived < now && waiter.deadline.left(now) < hopeful;
            if waiter.reply.is_closed() {
                self.take_out(ticket);
            } else if too_late {
                if let Some((line, waiter)) = self.take_out(ticket) {
                    self.refuse_late(line, waiter, now);
                }
            } else if !self.pace.take(now) || !self.give_one(now) {
                break;
            }
        }
        if self.queue.ready_at(now) == Some(now) {
            let waiting = self.queue.len();
            self.pace
                .is_awaited(now, waiting, || self.queue.waiting_callers().collect());
        } else {
            self.pace.is_not_awaited(now);
        }
    }

    fn give_one(&mut self, now: Instant) -> bool {
        let Some(waiter) = self.queue.pop(now) else {
            return false;
        };
        self.expiries.remove(&waiter.expiry);
        let waited = now - waiter.arrived;
        let predicted = waiter.predicted;
        if waiter.reply.send(Ok(Slot { waited, predicted })).is_err() {
            self.pace.put_back(now);
        }
        true
    }
}
