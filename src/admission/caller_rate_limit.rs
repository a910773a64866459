//! The rate limit of one caller or pattern, which applies even while quota is left over.
//!
//! It is a [token bucket](https://en.wikipedia.org/wiki/Token_bucket) that holds a
//! fifth of a second's calls, at least one. For example, at 10 calls a second it
//! holds 2: an idle caller may call twice at once, then once every 100 ms.

use std::time::Duration;

use tokio::time::Instant;

use super::predict::wait_from_secs;
use crate::model::TokenBucket;

/// Tolerance for rounding errors, so that a call that is due is not delayed.
const EPSILON: f64 = 1e-6;

/// A token bucket that starts with one token.
#[derive(Debug)]
pub(super) struct CallerRateLimit(TokenBucket);

impl CallerRateLimit {
    pub(super) fn new(now: Instant, rate: f64) -> Self {
        let capacity = (rate / 5.0).max(1.0);
        Self(TokenBucket::full(rate, capacity, now).with_level(1.0))
    }

    /// Returns the same limit at another rate. Tokens that were taken stay taken.
    pub(super) fn with_rate(&self, now: Instant, rate: f64) -> Self {
        let Self(bucket) = Self::new(now, rate);
        Self(bucket.with_level(self.0.level(now)))
    }

    /// Returns the calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.0.per_second()
    }

    /// Returns how long it takes until `calls` more calls are allowed.
    pub(super) fn wait_for(&self, now: Instant, calls: usize) -> Duration {
        let missing = calls as f64 - self.0.level(now) - EPSILON;
        wait_from_secs(missing / self.rate())
    }

    /// Takes a token; without one, it is owed and the next calls wait longer.
    pub(super) fn take(&mut self, now: Instant) {
        self.0.add(-1.0, now);
    }

    /// Returns how many calls it allows now, fractions included.
    pub(super) fn level(&self, now: Instant) -> f64 {
        self.0.level(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_bucket_holds_a_fifth_of_a_second_and_at_least_one_call() {
        let start = Instant::now();
        let idle = start + Duration::from_secs(60);
        for (rate, burst) in [(10.0, 2), (1.0, 1), (0.1, 1)] {
            let mut limit = CallerRateLimit::new(start, rate);
            for _ in 0..burst {
                assert_eq!(limit.wait_for(idle, 1), Duration::ZERO);
                limit.take(idle);
            }
            let wait = limit.wait_for(idle, 1).as_secs_f64();
            assert!((wait - 1.0 / rate).abs() < 1e-3, "{rate}: {wait}");
        }
    }
}
