//! Schedules one operation's queue.
//!
//! After each input, and when a timer is due, every available quota token is granted to
//! the request that is next at that moment (late binding), so cancelled requests cost no
//! token. Nothing here waits; `handle` does.

mod handle;
mod refusal;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) use self::handle::{LockedScheduler, SchedulerHandle};
use super::latency::Latencies;
use super::queue::{ArrivalKind, FairQueue, Prediction, Ticket};
use super::shared::{Demand, OtherReplicas, SharedReservations, SharedState};
use super::token_source::TokenSource;
use super::{AdmissionRefused, AdmissionSettings, AdmissionState, AttemptOutcome};
use crate::model::{CallerId, Deadline};

/// The percentile of attempt durations that must fit the deadline at arrival.
const TYPICAL: f64 = 0.99;

/// The percentile that must fit the deadline while a request waits. Without it goodput
/// falls by 1.1 % at ten times the quota of 50, beside another tenant (the same command).
const MEDIAN: f64 = 0.5;

/// No attempt is shorter, because of the round trip to AWS. Without it a process that
/// stalled grants tokens to expired requests (tests/admission/waiting.rs).
const MIN_ATTEMPT: Duration = Duration::from_millis(10);

/// The delay before overtaken requests are refused after a change. Callers often join
/// together, and one check covers all of them. Without it
/// `requests_overtaken_by_other_callers_are_refused_at_once` fails.
const SHED_DELAY: Duration = Duration::from_millis(20);

/// A quota token that is granted to a request.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) waited: Duration,
    pub(super) predicted: Duration,
    /// The section of the limit in shadow mode that would have refused the request.
    pub(super) shadow_refusal: Option<Arc<str>>,
}

/// The reply to a waiting request.
pub(super) type Reply = Result<Grant, AdmissionRefused>;

/// A waiting request, and its time limits.
#[derive(Debug)]
pub(super) struct Pending {
    reply: oneshot::Sender<Reply>,
    pub(super) arrived: Instant,
    /// The grant, but for the wait.
    grant: Grant,
    /// The end of `max_wait`, as configured when the request arrived.
    waits_until: Instant,
    deadline: Deadline,
    /// When to refuse it, the key in `timeouts`.
    timeout: Instant,
}

/// The state of one operation's admission.
pub(super) struct Scheduler {
    max_wait: Duration,
    pub(super) queue: FairQueue<Pending>,
    /// When to refuse waiting requests, the earliest first.
    timeouts: BTreeSet<(Instant, Ticket)>,
    pub(super) tokens: TokenSource,
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
            tokens: TokenSource::new(now, &settings, shared),
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
            .max(self.tokens.next_token_at(now));
        let timeout = self.timeouts.first().map(|(timeout, _)| *timeout);
        let timers = [self.tokens.next_increase(), self.shed_at, timeout];
        Some(timers.into_iter().flatten().fold(token, Instant::min))
    }

    /// Calls `act`, and then does all that is due at `now`.
    fn run<T>(&mut self, act: impl FnOnce(&mut Self, Instant) -> T, now: Instant) -> T {
        self.tokens.update_rate(now);
        let result = act(self, now);
        self.tokens.update_rate(now);
        self.grant_tokens(now);
        if self.time_out(now) {
            self.grant_tokens(now);
        }
        if self.shed_at.is_some_and(|due| due <= now) {
            self.shed_overtaken(now);
        }
        result
    }

    /// Enters a request into its caller's queue, or refuses it.
    pub(super) fn arrive(
        &mut self,
        caller: &CallerId,
        kind: ArrivalKind,
        deadline: Deadline,
        now: Instant,
    ) -> Result<(Ticket, oneshot::Receiver<Reply>), AdmissionRefused> {
        if self.closed {
            return Err(AdmissionRefused::CLOSED);
        }
        if deadline.left(now) < MIN_ATTEMPT {
            return Err(AdmissionRefused::DEADLINE_TOO_SHORT);
        }
        let key = self.queue.record_arrival(caller, kind, now);
        let availability = self.tokens.availability(now);
        let prediction = self.queue.predict(key, kind, availability, now);
        let time_left = self.wait_budget(deadline, TYPICAL, now);
        if prediction.wait > time_left {
            return Err(self.refusal(key, prediction, time_left, now));
        }
        let timeout = now + self.wait_budget(deadline, MEDIAN, now);
        let (reply, receiver) = oneshot::channel();
        let pending = Pending {
            reply,
            arrived: now,
            grant: Grant {
                waited: Duration::ZERO,
                predicted: prediction.wait,
                shadow_refusal: self.queue.shadow_refusal(key, caller, time_left, now),
            },
            waits_until: now + self.max_wait,
            deadline,
            timeout,
        };
        let ticket = self.queue.push(key, kind, pending).map_err(|cause| {
            let prediction = Prediction {
                cause,
                ..prediction
            };
            self.refusal(key, prediction, time_left, now)
        })?;
        self.timeouts.insert((timeout, ticket));
        if self.queue.caller_len(key) == 1 {
            self.shed_soon(now);
        }
        Ok((ticket, receiver))
    }

    /// Removes a request whose caller is gone, and takes back a token that was granted to it.
    pub(super) fn cancel(
        &mut self,
        ticket: Ticket,
        reply: &mut oneshot::Receiver<Reply>,
        now: Instant,
    ) {
        if self.remove(ticket).is_none() && matches!(reply.try_recv(), Ok(Ok(_))) {
            self.tokens.return_token(now);
        }
    }

    /// Records the end of an attempt.
    pub(super) fn finish(&mut self, outcome: AttemptOutcome, took: Duration, now: Instant) {
        match outcome {
            AttemptOutcome::Answered => self.latencies.record(now, took),
            // A throttled attempt ends early and does not count as a duration.
            AttemptOutcome::Throttled => {
                self.tokens.record_throttle(now);
                self.shed_soon(now);
            }
        }
    }

    /// Uses `settings` from now on.
    pub(super) fn configure(&mut self, settings: AdmissionSettings, now: Instant) {
        self.max_wait = settings.quota.max_wait;
        self.tokens.apply(now, &settings);
        self.queue.apply(settings.callers, now);
        self.shed_soon(now);
    }

    pub(super) fn state(&self, now: Instant) -> AdmissionState {
        let (waiting, callers) = (self.queue.len(), self.queue.callers());
        self.tokens.state(now, waiting, callers)
    }

    /// Uses the state of the shared quota, and what the other replicas reported.
    pub(super) fn use_store_state(
        &mut self,
        state: SharedState,
        others: Option<&OtherReplicas>,
        now: Instant,
    ) {
        if let Some(others) = others {
            self.queue.callers.set_others(others, now);
        }
        if self.tokens.use_store_state(state, now) {
            self.shed_soon(now);
        }
    }

    /// Takes the demand for the store, and what to report in an exchange of callers. A
    /// closed scheduler has none.
    pub(super) fn demand(&mut self, exchange: bool, now: Instant) -> Option<Demand> {
        if self.closed {
            return None;
        }
        let callers = &self.queue.callers;
        let (weight, report) = (callers.weight(now), exchange.then(|| callers.report(now)));
        self.tokens.demand(self.queue.len(), weight, report)
    }

    /// Uses `share` of the rate, because the store is unavailable.
    pub(super) fn isolate(&mut self, share: f64, now: Instant) {
        self.queue.callers.isolate(share, now);
        if self.tokens.isolate(share, now) {
            self.shed_soon(now);
        }
    }

    /// Returns how long a request may wait so that an attempt of the `percentile`
    /// duration still fits its deadline.
    fn wait_budget(&mut self, deadline: Deadline, percentile: f64, now: Instant) -> Duration {
        let attempt = self.latencies.percentile(now, percentile);
        let left = deadline.left(now).saturating_sub(attempt);
        left.min(self.max_wait)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Pending> {
        let pending = self.queue.remove(ticket)?;
        self.timeouts.remove(&(pending.timeout, ticket));
        Some(pending)
    }

    /// Grants every available token to the next request that can use it.
    fn grant_tokens(&mut self, now: Instant) {
        while self.tokens.next_token_at(now) <= now
            && let Some((ticket, pending)) = self.queue.peek(now)
        {
            if pending.deadline.left(now) < MIN_ATTEMPT {
                self.time_out_one(ticket, now);
            } else if self.tokens.take(now) {
                self.grant_next(now);
            } else {
                break;
            }
        }
        let ready = self.queue.ready_at(now) == Some(now);
        self.tokens.set_ready(ready, now);
    }

    fn grant_next(&mut self, now: Instant) {
        if let Some((ticket, pending)) = self.queue.pop(now) {
            self.timeouts.remove(&(pending.timeout, ticket));
            let mut grant = pending.grant;
            grant.waited = now - pending.arrived;
            self.queue.callers.queues[ticket.queue()].last_wait = grant.waited;
            // A request that is dropped is cancelled first, so the reply arrives.
            let _ = pending.reply.send(Ok(grant));
        }
    }
}
