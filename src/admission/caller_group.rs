//! The callers that share one weight and one rate limit: a single caller, or all callers
//! that match one pattern.
//!
//! Groups take turns by weight, and the callers of a group take turns equally. Where
//! replicas share the quota, a group counts here with the part of its weight that belongs
//! to this replica, and its rate limit is divided by the arrivals at each replica.
//!
//! For example, the pattern `team/*` has weight 2 and 2 calls a second. 3 of its callers
//! wait here, and 1 on another replica: the group counts 2 x 3/4 here. If three quarters
//! of its requests arrive here, 1.5 calls a second are allowed here.

use std::collections::VecDeque;
use std::time::Duration;

use slotmap::new_key_type;
use tokio::time::Instant;

use super::arrivals::ArrivalRate;
use super::caller_queues::QueueKey;
use super::caller_rate_limit::CallerRateLimit;
use super::limits::{CallerLimits, MaxRateMode};
use super::shared::CallerDigest;
use super::turns::Deficit;

new_key_type! {
    /// Identifies a group.
    pub(super) struct GroupKey;
}

/// The state of one group.
#[derive(Debug)]
pub(super) struct CallerGroup {
    /// The pattern, or `None` for a single caller.
    pub(super) pattern: Option<String>,
    pub(super) digest: CallerDigest,
    weight: u32,
    /// The part of the weight that counts on this replica: above 0, at most 1.
    pub(super) share: f64,
    max_rate: Option<f64>,
    mode: MaxRateMode,
    pub(super) rate_limit: Option<CallerRateLimit>,
    pub(super) deficit: Deficit,
    /// The callers with waiting requests, in the order of their turns.
    pub(super) round: VecDeque<QueueKey>,
    /// Whether the group is in the round, or rate limited and waiting to return to it.
    pub(super) scheduled: bool,
    /// How many queues there are.
    pub(super) queues: usize,
    /// How many requests wait.
    pub(super) waiting: usize,
    pub(super) arrivals: ArrivalRate,
}

impl CallerGroup {
    /// Returns a group that may use `limit_share` of its rate limit.
    pub(super) fn new(
        pattern: Option<String>,
        digest: CallerDigest,
        limits: &CallerLimits,
        limit_share: f64,
        now: Instant,
    ) -> Self {
        Self {
            pattern,
            digest,
            weight: limits.weight.get(),
            share: 1.0,
            max_rate: limits.max_rate_per_second,
            mode: limits.max_rate_mode,
            rate_limit: limits
                .max_rate_per_second
                .map(|rate| CallerRateLimit::new(now, rate * limit_share)),
            deficit: Deficit::default(),
            round: VecDeque::new(),
            scheduled: false,
            queues: 0,
            waiting: 0,
            arrivals: ArrivalRate::new(now),
        }
    }

    /// Continues the rate limit, the arrivals and the share of `previous`, which was the
    /// same group with other limits.
    pub(super) fn continue_from(&mut self, previous: &Self, now: Instant) {
        self.share = previous.share;
        self.arrivals = previous.arrivals.clone();
        // A limit whose mode changes starts anew, because tokens are owed only in shadow mode.
        if self.mode == previous.mode
            && let (Some(limit), Some(before)) = (&mut self.rate_limit, &previous.rate_limit)
        {
            *limit = before.with_rate(now, limit.rate());
        }
    }

    /// Returns the weight that counts on this replica.
    pub(super) fn weight(&self) -> f64 {
        f64::from(self.weight) * self.share
    }

    /// Sets the part of the rate limit that this replica may use.
    pub(super) fn set_limit_share(&mut self, share: f64, now: Instant) {
        if let (Some(limit), Some(rate)) = (&mut self.rate_limit, self.max_rate) {
            *limit = limit.with_rate(now, rate * share);
        }
    }

    /// Returns the rate limit if it delays calls.
    pub(super) fn enforced_limit(&self) -> Option<&CallerRateLimit> {
        let limit = self.rate_limit.as_ref();
        limit.filter(|_| self.mode == MaxRateMode::Enforce)
    }

    /// Returns how long the rate limit delays the next `calls` calls.
    pub(super) fn rate_limited_for(&self, now: Instant, calls: usize) -> Duration {
        let limit = self.enforced_limit();
        limit.map_or(Duration::ZERO, |limit| limit.wait_for(now, calls))
    }

    /// Returns whether a limit in shadow mode would refuse a request that can wait for
    /// `time_left`, and otherwise takes the token that it would wait for.
    pub(super) fn exceeds_shadow_limit(&mut self, time_left: Duration, now: Instant) -> bool {
        let limit = self.rate_limit.as_mut();
        let Some(limit) = limit.filter(|_| self.mode == MaxRateMode::Shadow) else {
            return false;
        };
        let exceeds = limit.wait_for(now, 1) > time_left;
        if !exceeds {
            limit.take(now);
        }
        exceeds
    }

    /// Returns whether a request waits that the rate limit allows now.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.waiting > 0 && self.rate_limited_for(now, 1).is_zero()
    }

    /// Charges the group for a quota token, and returns whether its turn is over.
    pub(super) fn charge(&mut self, now: Instant) -> bool {
        if let Some(limit) = &mut self.rate_limit
            && self.mode == MaxRateMode::Enforce
        {
            limit.take(now);
        }
        self.deficit.spend()
    }
}
