//! Refusals: their reason and retry delay, and the requests that are refused after
//! they were queued, because they are overtaken, timed out, or the process shuts down.

use std::time::Duration;

use tokio::time::Instant;

use super::{MEDIAN, Pending, SHED_DELAY, Scheduler};
use crate::admission::queue::{ArrivalKind, Cause, Prediction, QueueKey, Ticket};
use crate::admission::{AdmissionRefused, RefusalReason};

impl Scheduler {
    /// Refuses overtaken requests now instead of when they time out.
    pub(super) fn shed_overtaken(&mut self, now: Instant) {
        self.shed_at = None;
        let availability = self.tokens.availability(now);
        let attempt = self.latencies.percentile(now, MEDIAN);
        let latest = |pending: &Pending| {
            let useful_for = pending.deadline.left(now).saturating_sub(attempt);
            (now + useful_for).min(pending.waits_until)
        };
        for ticket in self.queue.overtaken(availability, now, latest) {
            self.time_out_one(ticket, now);
        }
    }

    pub(super) fn shed_soon(&mut self, now: Instant) {
        self.shed_at.get_or_insert(now + SHED_DELAY);
    }

    /// Refuses all waiting requests, and new ones from now on.
    pub(in crate::admission) fn close(&mut self) {
        self.closed = true;
        self.tokens.close();
        while let Some((_, ticket)) = self.timeouts.pop_first() {
            if let Some(pending) = self.queue.remove(ticket) {
                let _ = pending.reply.send(Err(AdmissionRefused::CLOSED));
            }
        }
    }

    /// Refuses the requests whose timeout has passed. Returns whether there were any.
    pub(super) fn time_out(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some((timeout, ticket)) = self.timeouts.first().copied()
            && timeout <= now
        {
            self.timeouts.pop_first();
            self.time_out_one(ticket, now);
            any = true;
        }
        any
    }

    /// Refuses a waiting request that gets no token in time.
    pub(super) fn time_out_one(&mut self, ticket: Ticket, now: Instant) {
        let Some(pending) = self.remove(ticket) else {
            return;
        };
        let key = ticket.queue();
        let availability = self.tokens.availability(now);
        let prediction = self.queue.predict(key, ArrivalKind::New, availability, now);
        let refused = self.refusal(key, prediction, self.max_wait, now);
        let _ = pending.reply.send(Err(refused));
    }

    pub(super) fn refusal(
        &mut self,
        key: QueueKey,
        prediction: Prediction,
        time_left: Duration,
        now: Instant,
    ) -> AdmissionRefused {
        let reason = match prediction.cause {
            Cause::Quota if self.tokens.is_limited_by_checks() => RefusalReason::ConcurrentChecks,
            Cause::Quota => RefusalReason::Quota,
            Cause::CallerLimit => RefusalReason::CallerQuota,
        };
        let earliest = prediction.wait.saturating_sub(time_left);
        let availability = self.tokens.availability(now);
        AdmissionRefused {
            reason,
            retry_after: self.queue.retry_after(key, availability, now, earliest),
        }
    }
}
