//! The callers here and on the other replicas: the shares that follow from both.
//!
//! # Bounds
//!
//! A rate limit is divided by the arrivals at each replica, which the replicas report at
//! least every 500 ms. A caller that begins to send to `k` replicas at once gets at most
//! `k` calls and the limit of one second on each before all replicas know of it. A caller
//! that moves to other replicas gets less than its limit for some 10 s, the time constant of
//! [`ArrivalRate`](crate::admission::arrivals::ArrivalRate).

use std::collections::HashSet;

use tokio::time::Instant;

use super::CallerQueues;
use crate::admission::caller_group::CallerGroup;
use crate::admission::shared::{CallerDigest, CallerReport, OtherReplicas};

impl<T> CallerQueues<T> {
    /// Updates the shares by the callers of the other replicas.
    pub(in crate::admission) fn set_others(&mut self, others: &OtherReplicas, now: Instant) {
        self.limit_share = 1.0 / f64::from(others.replicas.max(1));
        for queue in self.queues.values_mut() {
            queue.share = others.share_of(queue.digest);
        }
        for group in self.groups.values_mut() {
            let waiting = group.round.iter().map(|key| &self.queues[*key]);
            let waiting = waiting.filter(|queue| queue.len() > 0);
            if group.pattern.is_some() {
                let here: HashSet<CallerDigest> = waiting.clone().map(|q| q.digest).collect();
                let elsewhere = others.only_elsewhere(group.digest, |name| here.contains(name));
                let shares: f64 = waiting.map(|queue| queue.share).sum();
                // A caller that joins when none waits here counts as one.
                let shares = if here.is_empty() { 1.0 } else { shares };
                group.share = shares / (here.len().max(1) + elsewhere) as f64;
            } else {
                group.share = others.share_of(group.digest);
            }
            let own = group.arrivals.per_second(now);
            let limit_share = if own > 0.0 {
                own / (own + others.arrivals_of(group.digest))
            } else {
                self.limit_share
            };
            group.set_limit_share(limit_share, now);
        }
    }

    /// Uses `share` of each rate limit from now on, because the other replicas are unknown.
    pub(in crate::admission) fn isolate(&mut self, share: f64, now: Instant) {
        self.limit_share = share;
        for group in self.groups.values_mut() {
            group.set_limit_share(share, now);
        }
    }

    /// Returns the weight of the groups that are ready for a token.
    pub(in crate::admission) fn weight(&self, now: Instant) -> f64 {
        let ready = self.groups.values().filter(|group| group.is_ready(now));
        ready.map(CallerGroup::weight).sum()
    }

    /// Returns the report for the other replicas.
    pub(in crate::admission) fn report(&self, now: Instant) -> CallerReport {
        let mut report = CallerReport::default();
        for group in self.groups.values() {
            if group.is_ready(now) {
                let is_pattern = group.pattern.is_some();
                let pattern = if is_pattern {
                    group.digest
                } else {
                    CallerDigest::NO_PATTERN
                };
                let queues = group.round.iter().map(|key| &self.queues[*key]);
                let waiting = queues.filter(|queue| queue.len() > 0);
                report.add_waiting(pattern, waiting.map(|queue| queue.digest));
            }
            let per_second = group.arrivals.per_second(now);
            if group.rate_limit.is_some() && per_second > 0.0 {
                report.limited.insert(group.digest, per_second);
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admission::queue::{ArrivalKind, FairQueue};
    use crate::admission::{CallerLimits, MaxRateMode, QueueSettings};
    use crate::model::CallerId;

    #[tokio::test(start_paused = true)]
    async fn a_limit_in_shadow_mode_is_divided_by_the_arrivals_on_each_replica() {
        let mut now = Instant::now();
        let mut settings = QueueSettings::default();
        settings.limits.default = CallerLimits {
            max_rate_per_second: Some(10.0),
            max_rate_mode: MaxRateMode::Shadow,
            ..CallerLimits::default()
        };
        let caller = CallerId::new("payments").expect("a plain name");
        let mut queue = FairQueue::<()>::new(settings);
        let key = queue.record_arrival(&caller, ArrivalKind::New, now);
        let report = queue.callers.report(now);
        assert!(report.limited[&CallerDigest::of_name("payments")] > 0.0);
        let mut allowed = |now| {
            let refusal = queue.shadow_refusal(key, &caller, Duration::ZERO, now);
            // As many arrive on another replica.
            queue
                .callers
                .set_others(&OtherReplicas::of(2, &report), now);
            refusal.is_none()
        };
        allowed(now);
        let mut count = 0;
        for _ in 0..100 {
            now += Duration::from_millis(10);
            count += usize::from(allowed(now));
        }
        assert!((4..=5).contains(&count), "half of 10 in a second: {count}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_count_a_thousand_and_half_where_they_wait_on_two_replicas() {
        let now = Instant::now();
        let mut settings = QueueSettings::default();
        settings.max_callers = settings.max_waiting;
        let mut queue = FairQueue::new(settings);
        for number in 0..1000 {
            let caller = CallerId::new(&format!("caller-{number}")).expect("a plain name");
            let key = queue.record_arrival(&caller, ArrivalKind::New, now);
            queue
                .push(key, ArrivalKind::New, ())
                .expect("the queue is not full");
        }
        let callers = &mut queue.callers;
        assert!((callers.weight(now) - 1000.0).abs() < 1e-6);
        let report = callers.report(now);
        callers.set_others(&OtherReplicas::of(2, &report), now);
        assert!((callers.weight(now) - 500.0).abs() < 1e-6);
    }
}
