//! Schedules one operation's queue.
//!
//! Every input is a [`SchedulerEvent`], or the time. After each, every available quota
//! token is granted to the request that is next at that moment (late binding), so
//! cancelled requests cost no token. Nothing here waits; `handle` does.

mod fleet;
mod handle;
mod refusal;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) use self::handle::SchedulerHandle;
use super::event::{Arrival, Grant, SchedulerEvent};
use super::latency::Latencies;
use super::permit_source::PermitSource;
use super::queue::{FairQueue, Prediction, QueueKey, Ticket};
use super::shared::SharedReservations;
use super::{AdmissionRefused, AdmissionSettings, AttemptOutcome, RefusalReason};
use crate::model::Deadline;

/// The percentile of attempt durations that must fit the deadline at arrival.
const TYPICAL: f64 = 0.99;

/// The percentile that must fit the deadline at dispatch: a token for less time would
/// most likely be wasted.
const MEDIAN: f64 = 0.5;

/// No attempt is shorter, because of the round trip to AWS.
const MIN_ATTEMPT: Duration = Duration::from_millis(10);

/// The delay before overtaken requests are refused after a change. Callers often join
/// together, and one check covers all of them.
const SHED_DELAY: Duration = Duration::from_millis(20);

/// A waiting request, and its time limits.
#[derive(Debug)]
struct Pending {
    reply: oneshot::Sender<Result<Grant, AdmissionRefused>>,
    arrived: Instant,
    predicted: Duration,
    /// The end of `max_wait`, as configured when the request arrived.
    waits_until: Instant,
    deadline: Deadline,
    /// When to refuse it, the key in `timeouts`.
    timeout: Instant,
}

/// The state of one operation's admission.
pub(super) struct Scheduler {
    max_wait: Duration,
    queue: FairQueue<Pending>,
    /// When to refuse waiting requests, the earliest first.
    timeouts: BTreeSet<(Instant, Ticket)>,
    permits: PermitSource,
    latencies: Latencies,
    /// When to refuse overtaken requests.
    shed_at: Option<Instant>,
    /// Whether the process is shutting down.
    closed: bool,
}

impl Scheduler {
    pub(super) fn new(
        settings: AdmissionSettings,
        shared: Option<SharedReservations>,
        now: Instant,
    ) -> Self {
        Self {
            max_wait: settings.quota.max_wait,
            permits: PermitSource::new(now, &settings, shared),
            queue: FairQueue::new(settings.callers),
            timeouts: BTreeSet::new(),
            latencies: Latencies::new(now),
            shed_at: None,
            closed: false,
        }
    }

    /// Returns when the next timer is due while requests wait.
    fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        let token = self
            .queue
            .ready_at(now)?
            .max(self.permits.next_token_at(now));
        let timeout = self.timeouts.first().map(|(timeout, _)| *timeout);
        let timers = [self.permits.next_increase(), self.shed_at, timeout];
        Some(timers.into_iter().flatten().fold(token, Instant::min))
    }

    /// Handles `event`, and all that is due at `now`.
    fn apply(&mut self, event: SchedulerEvent, now: Instant) {
        self.permits.update_rate(now);
        self.on_event(event, now);
        self.permits.update_rate(now);
        self.grant_tokens(now);
        if self.time_out(now) {
            self.grant_tokens(now);
        }
        if self.shed_at.is_some_and(|due| due <= now) {
            self.shed_overtaken(now);
        }
    }

    fn on_event(&mut self, event: SchedulerEvent, now: Instant) {
        match event {
            SchedulerEvent::Arrive(arrival) => self.arrive(arrival, now),
            SchedulerEvent::Cancel(ticket) => {
                if let Some(ticket) = ticket.get() {
                    self.remove(*ticket);
                }
            }
            SchedulerEvent::ReturnToken => self.permits.return_token(now),
            SchedulerEvent::Store(event) => self.on_store_event(&event, now),
            SchedulerEvent::Finish { outcome, took } => match outcome {
                AttemptOutcome::Answered => self.latencies.record(now, took),
                // A throttled attempt ends early and does not count as a duration.
                AttemptOutcome::Throttled => {
                    self.permits.record_throttle(now);
                    self.shed_soon(now);
                }
            },
            SchedulerEvent::Apply(settings) => {
                self.max_wait = settings.quota.max_wait;
                self.permits.apply(now, &settings);
                self.queue.apply(settings.callers, now);
                self.shed_soon(now);
            }
            SchedulerEvent::Close => self.close(),
            SchedulerEvent::ReadState(reply) => {
                let (waiting, callers) = (self.queue.len(), self.queue.callers());
                let _ = reply.send(self.permits.state(now, waiting, callers));
            }
            SchedulerEvent::Wake => {}
        }
    }

    fn arrive(&mut self, arrival: Arrival, now: Instant) {
        let deadline = arrival.deadline;
        if let Some(reason) = self.rejection(deadline, now) {
            let retry_after = Duration::ZERO;
            let _ = arrival.reply.send(Err(AdmissionRefused {
                reason,
                retry_after,
            }));
            return;
        }
        let key = self
            .queue
            .record_arrival(&arrival.caller, arrival.kind, now);
        let availability = self.permits.availability(now);
        let prediction = self.queue.predict(key, arrival.kind, availability, now);
        let time_left = self.wait_budget(deadline, TYPICAL, now);
        if prediction.wait > time_left && !prediction.wait.is_zero() {
            let refused = self.refusal(key, prediction, time_left, now);
            let _ = arrival.reply.send(Err(refused));
            return;
        }
        self.enqueue(key, prediction, arrival, now);
    }

    /// Enters a request into the queue `key`, or refuses it if a queue is full.
    fn enqueue(&mut self, key: QueueKey, prediction: Prediction, arrival: Arrival, now: Instant) {
        let Arrival {
            ticket: entered,
            kind,
            deadline,
            reply,
            ..
        } = arrival;
        let useful_for = self.wait_budget(deadline, MEDIAN, now);
        let position = match self.queue.vacant_position(key) {
            Ok(position) => position,
            Err(full) => {
                let time_left = self.wait_budget(deadline, TYPICAL, now);
                let cause = full.cause();
                let wait = prediction.wait;
                let refused = self.refusal(key, Prediction { wait, cause }, time_left, now);
                let _ = reply.send(Err(refused));
                return;
            }
        };
        let timeout = now + useful_for;
        let ticket = position.push(kind, |_| Pending {
            reply,
            arrived: now,
            predicted: prediction.wait,
            waits_until: now + self.max_wait,
            deadline,
            timeout,
        });
        self.timeouts.insert((timeout, ticket));
        // A request enters once, so the ticket is not set yet.
        let _ = entered.set(ticket);
        if self.queue.caller_len(key) == 1 {
            self.shed_soon(now);
        }
    }

    /// Returns the reason to refuse a request without a prediction.
    fn rejection(&self, deadline: Deadline, now: Instant) -> Option<RefusalReason> {
        if self.closed {
            Some(RefusalReason::Closed)
        } else if deadline.left(now) < MIN_ATTEMPT {
            Some(RefusalReason::DeadlineTooShort)
        } else {
            None
        }
    }

    /// Returns how long a request may wait so that an attempt of the `percentile`
    /// duration still fits its deadline.
    fn wait_budget(&mut self, deadline: Deadline, percentile: f64, now: Instant) -> Duration {
        let attempt = self.latencies.percentile(now, percentile);
        let left = deadline.left(now).saturating_sub(attempt);
        left.min(self.max_wait)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<(QueueKey, Pending)> {
        let (key, pending) = self.queue.remove(ticket)?;
        self.timeouts.remove(&(pending.timeout, ticket));
        Some((key, pending))
    }

    /// Grants every available token to the next request that can use it.
    fn grant_tokens(&mut self, now: Instant) {
        while self.permits.next_token_at(now) <= now {
            let attempt = self.latencies.percentile(now, MEDIAN);
            let Some((ticket, pending)) = self.queue.peek(now) else {
                break;
            };
            let too_late = pending.arrived < now && pending.deadline.left(now) < attempt;
            if pending.reply.is_closed() {
                self.remove(ticket);
            } else if too_late {
                if let Some((key, pending)) = self.remove(ticket) {
                    self.refuse_queued(key, pending, now);
                }
            } else if !self.permits.take(now) || !self.grant_one(ticket, now) {
                break;
            }
        }
        if self.queue.ready_at(now) == Some(now) {
            let waiting = self.queue.len();
            let callers = self.queue.callers_mut();
            let weight = || callers.weight(now);
            self.permits.request_tokens(now, waiting, weight);
        } else {
            self.permits.release_tokens(now);
        }
    }

    fn grant_one(&mut self, ticket: Ticket, now: Instant) -> bool {
        let Some(pending) = self.queue.pop(now) else {
            return false;
        };
        self.timeouts.remove(&(pending.timeout, ticket));
        let waited = now - pending.arrived;
        let predicted = pending.predicted;
        if pending.reply.send(Ok(Grant { waited, predicted })).is_err() {
            self.permits.return_token(now);
        }
        true
    }
}
