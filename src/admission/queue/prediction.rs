//! The prediction for a request that enters the queue now.
//!
//! The groups of other callers compete by weight, and the callers of the request's own
//! group equally.

use tokio::time::Instant;

use super::super::predict::{self, Candidate, Competitor};
use super::{ArrivalKind, Availability, FairQueue, Prediction, QueueKey};

impl<T> FairQueue<T> {
    /// Predicts how long a request that enters the queue `key` now would wait.
    #[must_use]
    pub fn predict(
        &self,
        key: QueueKey,
        kind: ArrivalKind,
        availability: Availability,
        now: Instant,
    ) -> Prediction {
        let own = &self.callers.queues[key];
        let group = &self.callers.groups[own.group];
        let position = own.position(kind);
        // The tokens for its caller, and those for its group, until the request gets one.
        let (turns, mut group_tokens, mut share) = (position as f64, position, own.share);
        let mut competitors = Vec::new();
        if group.pattern.is_some() {
            let queues = self
                .callers
                .queues
                .iter()
                .filter(|(other, _)| *other != key);
            for (_, queue) in queues.filter(|(_, queue)| queue.group == own.group) {
                let tokens = turns * queue.share / own.share;
                competitors.extend(Competitor::of_queue(queue, tokens, now));
                group_tokens += queue.len().min(tokens as usize);
                share += if queue.len() > 0 { queue.share } else { 0.0 };
            }
        }
        let weight = group.weight() * own.share / share;
        let groups = self.callers.groups.iter();
        let others = groups.filter(|(other, _)| *other != own.group);
        competitors.extend(others.filter_map(|(_, other)| {
            Competitor::of_group(other, turns * other.weight() / weight, now)
        }));
        let candidate = Candidate {
            position,
            rate_limited_for: group.rate_limited_for(now, group_tokens),
            arrivals_per_second: own.arrivals.per_second(now),
        };
        predict::predict(candidate, &competitors, availability)
    }
}
