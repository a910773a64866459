//! The quota of one operation, enforced by a token bucket in the form of the
//! [GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). It reads no clock:
//! the caller passes the time. The bucket starts full.
//!
//! For example, with a rate of 4 per second and a burst of 2, three simultaneous calls
//! give two admissions and one rejection; 250 ms later one more call is admitted.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// The quota of one operation: a sustained rate, and a burst after idle time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    rate_per_second: f64,
    burst: u32,
}

/// A rate or burst is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidLimit {
    /// The rate is out of bounds.
    #[error("rate {0} must be from {min} to {max} calls per second", min = Limit::MIN_RATE, max = Limit::MAX_RATE)]
    Rate(f64),
    /// The burst is out of bounds.
    #[error("burst {0} must be from 1 to {max} calls", max = Limit::MAX_BURST)]
    Burst(u32),
}

impl Limit {
    /// The lowest rate, in calls per second.
    pub const MIN_RATE: f64 = 0.001;
    /// The highest rate, in calls per second.
    pub const MAX_RATE: f64 = 1_000_000.0;
    /// The largest burst, in calls.
    pub const MAX_BURST: u32 = 1_000_000;

    /// Creates a quota of `rate_per_second` calls per second, and `burst` simultaneous
    /// calls after idle time.
    ///
    /// # Errors
    /// Returns an error if the rate is not from 0.001 to 1,000,000, or the burst not
    /// from 1 to 1,000,000.
    pub fn new(rate_per_second: f64, burst: u32) -> Result<Self, InvalidLimit> {
        if !(Self::MIN_RATE..=Self::MAX_RATE).contains(&rate_per_second) {
            return Err(InvalidLimit::Rate(rate_per_second));
        }
        if !(1..=Self::MAX_BURST).contains(&burst) {
            return Err(InvalidLimit::Burst(burst));
        }
        Ok(Self {
            rate_per_second,
            burst,
        })
    }

    /// Returns the sustained rate, in calls per second.
    #[must_use]
    pub fn rate_per_second(self) -> f64 {
        self.rate_per_second
    }

    /// Returns the number of simultaneous calls after idle time.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Returns half of the rate and burst, within the bounds.
    pub(super) fn halved(self) -> Self {
        Self {
            rate_per_second: (self.rate_per_second / 2.0).max(Self::MIN_RATE),
            burst: (self.burst / 2).max(1),
        }
    }

    /// Returns the emission interval: the time in which one token is refilled, 1 us to 1000 s.
    fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate_per_second)
    }
}

/// 25 calls per second, the quota of AWS in us-east-1, and a burst of 25. AWS does not
/// publish its burst.
impl Default for Limit {
    fn default() -> Self {
        Self {
            rate_per_second: 25.0,
            burst: 25,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s burst {}", self.rate_per_second, self.burst)
    }
}

/// The token bucket of one operation.
///
/// `theoretical_arrival` (the TAT of the GCRA) is the instant at which the bucket is full
/// again. An admitted call moves it by one interval; it is never more than `burst`
/// intervals ahead of the current time.
#[derive(Clone, Debug)]
pub(super) struct TokenBucket {
    limit: Limit,
    theoretical_arrival: Option<Instant>,
}

impl TokenBucket {
    /// Creates a full bucket.
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            theoretical_arrival: None,
        }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// Takes one token, and returns whether one was available.
    pub(super) fn try_acquire(&mut self, now: Instant) -> bool {
        let interval = self.limit.interval();
        let arrival = self
            .theoretical_arrival
            .map_or(now, |instant| instant.max(now))
            + interval;
        let admitted = arrival - now <= interval * self.limit.burst;
        if admitted {
            self.theoretical_arrival = Some(arrival);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_starts_full_and_refills_one_token_per_interval() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(Limit::new(4.0, 2).unwrap());
        assert_eq!(
            [
                bucket.try_acquire(now),
                bucket.try_acquire(now),
                bucket.try_acquire(now)
            ],
            [true, true, false]
        );
        let later = now + Duration::from_millis(250);
        assert_eq!(
            [bucket.try_acquire(later), bucket.try_acquire(later)],
            [true, false]
        );
    }

    #[test]
    fn an_error_states_value_and_bounds() {
        let error = |rate, burst| Limit::new(rate, burst).unwrap_err().to_string();
        assert_eq!(
            error(0.0, 1),
            "rate 0 must be from 0.001 to 1000000 calls per second"
        );
        assert_eq!(
            error(f64::NAN, 1),
            "rate NaN must be from 0.001 to 1000000 calls per second"
        );
        assert_eq!(error(1.0, 0), "burst 0 must be from 1 to 1000000 calls");
    }

    proptest! {
        #[test]
        fn no_window_admits_more_than_burst_plus_refill(
            rate in 1.0f64..500.0,
            burst in 1u32..20,
            gaps in prop::collection::vec(0u64..200, 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(Limit::new(rate, burst).unwrap());
            let mut now = start;
            let mut admitted = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if bucket.try_acquire(now) {
                    admitted.push(now);
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let refilled = (*to - *from).as_secs_f64() * rate;
                    prop_assert!((last - first + 1) as f64 <= f64::from(burst) + refilled + 0.001);
                }
            }
        }

        #[test]
        fn calls_below_the_rate_are_always_admitted(rate in 1.0f64..500.0, calls in 1u32..200) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(Limit::new(rate, 1).unwrap());
            let interval = Duration::from_secs_f64(1.0 / rate) + Duration::from_nanos(1);
            for call in 0..calls {
                prop_assert!(bucket.try_acquire(start + interval * call));
            }
        }
    }
}
