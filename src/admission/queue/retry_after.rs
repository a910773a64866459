//! The retry delays of refused requests.
//!
//! The delays are one quota token apart, so that the retries of a burst each find a
//! token. With random delays instead, some of a burst are still unserved after several
//! retries.

use std::time::Duration;

use tokio::time::Instant;

use super::super::caller_queue::MAX_RETRY_AFTER;
use super::super::predict::wait_from_secs;
use super::{Availability, FairQueue, QueueKey};

impl<T> FairQueue<T> {
    /// Returns the retry delay of a refusal: at least `earliest`, and one token of the
    /// caller's share after the caller's previous refusal.
    ///
    /// Refused callers that are expected to retry count towards the shares. Callers
    /// that are refused within the same round get different offsets, so that their
    /// retries do not all come at once.
    pub fn retry_after(
        &mut self,
        key: QueueKey,
        availability: Availability,
        now: Instant,
        earliest: Duration,
    ) -> Duration {
        let mut offset = 0.0;
        let mut round = 0.0;
        for (other, queue) in self.callers.queues.iter() {
            if other == key {
                offset = round;
            }
            if other == key || queue.len() > 0 || queue.expects_retry(now) {
                round += self.callers.weight_of(queue);
            }
        }
        let time_for = |tokens: f64| wait_from_secs(tokens / availability.rate);
        let gap = time_for(round / self.callers.weight_of(&self.callers.queues[key]));
        let queue = &mut self.callers.queues[key];
        let delay = queue.retry_after(now, earliest, gap) + time_for(offset);
        delay.min(MAX_RETRY_AFTER)
    }
}
