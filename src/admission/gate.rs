//! The task that drives one operation's queue: `select` waits, `apply` decides.
//!
//! It owns the queue, the bucket, the adaptive factor and the record of attempts,
//! and is the only one to touch them, so none of them needs a lock. Everything
//! that happens is an [`Event`]; after each, every slot that is there is given to
//! whoever is first.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::time::{DelayQueue, delay_queue};

use super::adaptive::AdaptiveFactor;
use super::latency::Latencies;
use super::local::LocalBucket;
use super::predict::{Cause, Prediction, Supply};
use super::queue::{Entry, Full, LineKey, Queue, Ticket};
use super::{AdmissionSettings, AdmissionState, Outcome, Refusal, Refused};
use crate::deadline::Deadline;
use crate::session::words::CallerId;

/// The share of attempts that a typical one is as quick as.
const TYPICAL: f64 = 0.99;

/// The share that a hopeful one is as quick as: a slot that leaves less than
/// this would most likely be wasted.
const HOPEFUL: f64 = 0.5;

/// What happens to a gate.
#[derive(Debug)]
pub(super) enum Event {
    /// A request comes.
    Arrive(Arrival),
    /// A request that waits is given up.
    Cancel(Ticket),
    /// An attempt came to something.
    Finish { outcome: Outcome, took: Duration },
    /// Other settings.
    Apply(Box<AdmissionSettings>),
    /// Somebody wants to know how things stand.
    Look(oneshot::Sender<AdmissionState>),
}

/// A request for a slot.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) ticket: Ticket,
    pub(super) caller: CallerId,
    pub(super) entry: Entry,
    pub(super) deadline: Deadline,
    pub(super) reply: oneshot::Sender<Result<Slot, Refused>>,
}

/// A slot, and how long it took to come.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) waited: Duration,
}

/// Whoever waits, and until when a slot is of use.
#[derive(Debug)]
struct Waiter {
    reply: oneshot::Sender<Result<Slot, Refused>>,
    arrived: Instant,
    expiry: delay_queue::Key,
}

/// Why the task woke.
enum Woken {
    Event(Event),
    Expired(Ticket),
    Slot,
    Closed,
}

/// Everything there is to one operation's admission.
pub(super) struct Gate {
    settings: AdmissionSettings,
    queue: Queue<Waiter>,
    expiries: DelayQueue<Ticket>,
    bucket: LocalBucket,
    factor: AdaptiveFactor,
    latencies: Latencies,
}

impl Gate {
    pub(super) fn new(settings: AdmissionSettings, now: Instant) -> Self {
        let quota = &settings.quota;
        Self {
            queue: Queue::new(settings.callers.clone()),
            expiries: DelayQueue::new(),
            bucket: LocalBucket::starting(now, quota.spendable_per_second(), quota.burst),
            factor: AdaptiveFactor::starting(now),
            latencies: Latencies::starting(now),
            settings,
        }
    }

    /// Runs until nobody is left who could send an event.
    pub(super) async fn drive(mut self, mut events: mpsc::UnboundedReceiver<Event>) {
        loop {
            let wake = self.next_wake(Instant::now());
            match self.select(&mut events, wake).await {
                Woken::Closed => return,
                woken => self.apply(woken, Instant::now()),
            }
        }
    }

    async fn select(
        &mut self,
        events: &mut mpsc::UnboundedReceiver<Event>,
        wake: Option<Instant>,
    ) -> Woken {
        let far = Instant::now() + Duration::from_secs(3600);
        tokio::select! {
            biased;
            event = events.recv() => event.map_or(Woken::Closed, Woken::Event),
            Some(expired) = self.expiries.next() => Woken::Expired(expired.into_inner()),
            () = sleep_until(wake.unwrap_or(far)) => Woken::Slot,
        }
    }

    /// When there is something to do though nothing happens.
    fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        let slot = self.queue.ready_at(now)?.max(self.bucket.next_at(now));
        Some(
            self.factor
                .next_climb()
                .map_or(slot, |climb| slot.min(climb)),
        )
    }

    fn apply(&mut self, woken: Woken, now: Instant) {
        match woken {
            Woken::Event(event) => self.happen(event, now),
            Woken::Expired(ticket) => self.expire(ticket, now),
            Woken::Slot | Woken::Closed => {}
        }
        self.adapt(now);
        self.give_slots(now);
    }

    fn happen(&mut self, event: Event, now: Instant) {
        match event {
            Event::Arrive(arrival) => self.arrive(arrival, now),
            Event::Cancel(ticket) => {
                if let Some((_, waiter)) = self.queue.remove(ticket) {
                    self.expiries.remove(&waiter.expiry);
                }
            }
            Event::Finish { outcome, took } => {
                self.latencies.record(now, took);
                if outcome == Outcome::Throttled && self.settings.adaptive {
                    self.factor.throttled(now);
                }
            }
            Event::Apply(settings) => self.reconfigure(*settings, now),
            Event::Look(reply) => {
                let _ = reply.send(self.state(now));
            }
        }
    }

    fn arrive(&mut self, arrival: Arrival, now: Instant) {
        let Arrival {
            ticket,
            caller,
            entry,
            deadline,
            reply,
        } = arrival;
        let line = self.queue.arrive(&caller, entry, now);
        let prediction = self.queue.predict(line, entry, self.supply(now), now);
        let room = self.room(deadline, TYPICAL, now);
        if prediction.wait > room && !prediction.wait.is_zero() {
            let refused = self.refusal(line, prediction, room, now);
            let _ = reply.send(Err(refused));
            return;
        }
        let useful = self.room(deadline, HOPEFUL, now).max(prediction.wait);
        let expiry = self.expiries.insert(ticket, useful);
        let waiter = Waiter {
            reply,
            arrived: now,
            expiry,
        };
        if let Err((full, waiter)) = self.queue.push(line, entry, ticket, waiter) {
            self.expiries.remove(&waiter.expiry);
            let cause = match full {
                Full::Line => Cause::CallerCeiling,
                Full::Queue => Cause::Quota,
            };
            let refused = self.refusal(
                line,
                Prediction {
                    cause,
                    ..prediction
                },
                room,
                now,
            );
            let _ = waiter.reply.send(Err(refused));
        }
    }

    /// How long a request may wait so that an attempt still fits its deadline.
    fn room(&self, deadline: Deadline, attempt: f64, now: Instant) -> Duration {
        let attempt = self.latencies.percentile(now, attempt);
        deadline
            .left(now)
            .saturating_sub(attempt)
            .min(self.settings.quota.max_wait)
    }

    fn expire(&mut self, ticket: Ticket, now: Instant) {
        if let Some((line, waiter)) = self.queue.remove(ticket) {
            let prediction = self
                .queue
                .predict(line, Entry::Arrival, self.supply(now), now);
            let refused = self.refusal(line, prediction, self.settings.quota.max_wait, now);
            let _ = waiter.reply.send(Err(refused));
        }
    }

    fn refusal(
        &mut self,
        line: LineKey,
        prediction: Prediction,
        room: Duration,
        now: Instant,
    ) -> Refused {
        let reason = match prediction.cause {
            Cause::Quota => Refusal::Quota,
            Cause::CallerCeiling => Refusal::CallerQuota,
        };
        let earliest = prediction.wait.saturating_sub(room);
        let retry_after = self.queue.hint(line, self.supply(now), now, earliest);
        Refused {
            reason,
            retry_after,
        }
    }

    fn give_slots(&mut self, now: Instant) {
        while self.bucket.next_at(now) == now && self.queue.ready_at(now) == Some(now) {
            let Some(waiter) = self.queue.pop(now) else {
                return;
            };
            self.expiries.remove(&waiter.expiry);
            // One that was given up, with its cancellation still in the mailbox,
            // costs no slot.
            if !waiter.reply.is_closed() && self.bucket.take(now).is_ok() {
                let _ = waiter.reply.send(Ok(Slot {
                    waited: now - waiter.arrived,
                }));
            }
        }
    }

    fn supply(&self, now: Instant) -> Supply {
        Supply {
            level: self.bucket.level(now),
            rate: self.bucket.rate(),
        }
    }

    fn adapt(&mut self, now: Instant) {
        self.factor.climb(now);
        let rate = self.settings.quota.spendable_per_second() * self.factor.get();
        if (rate - self.bucket.rate()).abs() > f64::EPSILON {
            self.bucket.set_rate(now, rate);
        }
    }

    fn reconfigure(&mut self, settings: AdmissionSettings, now: Instant) {
        if !settings.adaptive {
            self.factor = AdaptiveFactor::starting(now);
        }
        self.bucket.set_burst(now, settings.quota.burst);
        self.queue.apply(settings.callers.clone(), now);
        self.settings = settings;
    }

    fn state(&self, now: Instant) -> AdmissionState {
        AdmissionState {
            waiting: self.queue.len(),
            callers: self.queue.callers(),
            rate_per_second: self.bucket.rate(),
            adaptive_factor: self.factor.get(),
            level: self.bucket.level(now),
        }
    }
}
