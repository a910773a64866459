//! A [token bucket](https://en.wikipedia.org/wiki/Token_bucket), as a pure value.
//!
//! For example, a bucket with a capacity of 20 that gains 10 tokens a second is full at
//! first. After 20 tokens are taken at once, the next one is available 100 ms later.

use tokio::time::Instant;

/// A token bucket. Its level is at most its capacity, and fractions of a token count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenBucket {
    per_second: f64,
    capacity: f64,
    level: f64,
    updated_at: Instant,
}

impl TokenBucket {
    /// Returns a full bucket that gains `per_second` tokens a second, up to `capacity`.
    #[must_use]
    pub fn full(per_second: f64, capacity: f64, now: Instant) -> Self {
        Self {
            per_second,
            capacity,
            level: capacity,
            updated_at: now,
        }
    }

    /// Returns the same bucket with `level` tokens, at most its capacity.
    #[must_use]
    pub fn with_level(self, level: f64) -> Self {
        let level = level.min(self.capacity);
        Self { level, ..self }
    }

    /// Returns the number of tokens that it gains each second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.per_second
    }

    /// Returns the number of tokens at `now`.
    #[must_use]
    pub fn level(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.updated_at);
        (self.level + elapsed.as_secs_f64() * self.per_second).min(self.capacity)
    }

    /// Adds tokens up to the capacity. A negative number takes tokens without a check.
    pub fn add(&mut self, tokens: f64, now: Instant) {
        self.level = (self.level(now) + tokens).min(self.capacity);
        self.updated_at = self.updated_at.max(now);
    }

    /// Takes one token and returns `true`, or returns `false` if there is none.
    pub fn try_take(&mut self, now: Instant) -> bool {
        let has_token = self.level(now) >= 1.0;
        if has_token {
            self.add(-1.0, now);
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_bucket_refills_at_its_rate_and_never_beyond_its_capacity() {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(10.0, 20.0, start);
        assert_eq!((0..100).filter(|_| bucket.try_take(start)).count(), 20);
        assert!(!bucket.try_take(start + Duration::from_millis(99)));
        assert!(bucket.try_take(start + Duration::from_millis(101)));
        assert_eq!(bucket.level(start + Duration::from_secs(3600)), 20.0);
        bucket.add(1000.0, start);
        assert_eq!(bucket.level(start), 20.0);
        assert_eq!(bucket.with_level(3.5).level(start), 3.5);
    }

    proptest! {
        /// A time before the last update counts as that time: no token is gained twice.
        #[test]
        fn within_any_span_it_gives_at_most_its_capacity_and_its_rate(
            steps in prop::collection::vec(0..5_000_u64, 1..200),
            per_second in 0.0..100.0_f64,
            capacity in 1.0..100.0_f64,
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::full(per_second, capacity, start);
            let at = |step: &u64| start + Duration::from_millis(*step);
            let taken = steps.iter().filter(|step| bucket.try_take(at(step))).count();
            let latest = steps.iter().max().map_or(0.0, |step| *step as f64 / 1000.0);
            prop_assert!(taken as f64 <= capacity + per_second * latest + 1e-6);
        }
    }
}
