//! How a gate turns requests away after they were let in: overtaken, expired, or
//! because the process leaves; and what it tells them.

use std::time::Duration;

use tokio::time::Instant;

use super::{HOPEFUL, Pending, REVIEW_AFTER, Scheduler};
use crate::admission::queue::{ArrivalKind, Cause, Prediction, QueueKey, Ticket};
use crate::admission::{AdmissionRefused, RefusalReason};

impl Scheduler {
    /// Refuses who has been overtaken, rather than when their time is over.
    pub(super) fn review(&mut self, now: Instant) {
        self.review_at = None;
        let availability = self.pace.availability(now);
        let hopeful = self.latencies.percentile(now, HOPEFUL);
        let latest = |waiter: &Pending| {
            let useful = waiter.deadline.left(now).saturating_sub(hopeful);
            (now + useful).min(waiter.waits_until)
        };
        for ticket in self.queue.overtaken(availability, now, latest) {
            if let Some((line, waiter)) = self.take_out(ticket) {
                self.refuse_late(line, waiter, now);
            }
        }
    }

    pub(super) fn review_soon(&mut self, now: Instant) {
        self.review_at.get_or_insert(now + REVIEW_AFTER);
    }

    /// Turns away whoever waits, and whoever comes from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
        let waiting: Vec<Ticket> = self.queue.tickets().collect();
        for ticket in waiting {
            if let Some((_, waiter)) = self.take_out(ticket) {
                let _ = waiter.reply.send(Err(AdmissionRefused::closed()));
            }
        }
    }

    /// The expiry of `ticket` has come, and is gone.
    pub(super) fn expire(&mut self, ticket: Ticket, now: Instant) {
        if let Some((line, waiter)) = self.queue.remove(ticket) {
            self.refuse_late(line, waiter, now);
        }
    }

    pub(super) fn refuse_late(&mut self, line: QueueKey, waiter: Pending, now: Instant) {
        let availability = self.pace.availability(now);
        let prediction = self
            .queue
            .predict(line, ArrivalKind::New, availability, now);
        let refused = self.refusal(line, prediction, self.max_wait, now);
        let _ = waiter.reply.send(Err(refused));
    }

    pub(super) fn refusal(
        &mut self,
        line: QueueKey,
        prediction: Prediction,
        room: Duration,
        now: Instant,
    ) -> AdmissionRefused {
        let reason = match prediction.cause {
            Cause::Quota => RefusalReason::Quota,
            Cause::CallerLimit => RefusalReason::CallerQuota,
        };
        let earliest = prediction.wait.saturating_sub(room);
        let availability = self.pace.availability(now);
        AdmissionRefused {
            reason,
            retry_after: self.queue.retry_after(line, availability, now, earliest),
        }
    }
}
