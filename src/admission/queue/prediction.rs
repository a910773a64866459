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
            let queues = self.callers.queues.iter();
            let others = queues.filter(|(other, q)| *other != key && q.group == own.group);
            for (_, queue) in others {
                let tokens = turns * queue.share / own.share;
                group_tokens += queue.len().min(tokens as usize);
                share += if queue.len() > 0 { queue.share } else { 0.0 };
                if queue.len() > 0 || !queue.arrivals.is_idle(now) {
                    competitors.push(Competitor {
                        waiting: queue.len(),
                        arrivals_per_second: queue.arrivals.per_second(now),
                        share: tokens,
                        // The rate limit of the group delays all of its callers.
                        allowed: predict::UNLIMITED,
                    });
                }
            }
        }
        let weight = group.weight() * own.share / share;
        for (other, group) in &self.callers.groups {
            if other != own.group && (group.waiting > 0 || !group.arrivals.is_idle(now)) {
                let limit = group.enforced_limit();
                competitors.push(Competitor {
                    waiting: group.waiting,
                    arrivals_per_second: group.arrivals.per_second(now),
                    share: turns * group.weight() / weight,
                    allowed: limit.map_or(predict::UNLIMITED, |l| (l.level(now), l.rate())),
                });
            }
        }
        let candidate = Candidate {
            position,
            rate_limited_for: group.rate_limited_for(now, group_tokens),
            arrivals_per_second: own.arrivals.per_second(now),
        };
        predict::predict(candidate, &competitors, availability)
    }
}
