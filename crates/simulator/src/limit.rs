//! The quota of one operation: how much of it there is, and the bucket that
//! keeps it. Pure: the bucket is told the time.
//!
//! *Rate*: calls a second, for ever. *Burst*: calls at once after idleness.
//! The bucket starts full, since it plays AWS, who has been idle for long.
//!
//! An example: 4 a second, burst 2, asked at once for three calls. Two pass,
//! the third is refused; 250 ms later one more passes.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// The quota of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    rate_per_second: f64,
    burst: u32,
}

/// Numbers that make no quota.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidLimit {
    /// The rate is out of bounds.
    #[error("rate {0} must be from {min} to {max} calls a second", min = Limit::MIN_RATE, max = Limit::MAX_RATE)]
    Rate(f64),
    /// The burst is out of bounds.
    #[error("burst {0} must be from 1 to {max} calls", max = Limit::MAX_BURST)]
    Burst(u32),
}

impl Limit {
    /// The lowest rate, in calls a second.
    pub const MIN_RATE: f64 = 0.001;
    /// The highest rate, in calls a second.
    pub const MAX_RATE: f64 = 1_000_000.0;
    /// The largest burst, in calls.
    pub const MAX_BURST: u32 = 1_000_000;

    /// A quota of `rate_per_second` calls a second, and `burst` after idleness.
    ///
    /// # Errors
    /// Where the rate is not within 0.001 to 1,000,000, or the burst not
    /// within 1 to 1,000,000.
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

    /// Calls a second.
    #[must_use]
    pub fn rate_per_second(self) -> f64 {
        self.rate_per_second
    }

    /// Calls at once after idleness.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Half of it, in rate and burst, within the bounds.
    pub(super) fn halved(self) -> Self {
        Self {
            rate_per_second: (self.rate_per_second / 2.0).max(Self::MIN_RATE),
            burst: (self.burst / 2).max(1),
        }
    }

    /// The time in which one call's worth flows in: 1 us to 1000 s.
    fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate_per_second)
    }
}

/// 25 a second, as AWS has in us-east-1, and a second's worth of burst: how
/// much AWS allows is not published.
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

/// The bucket of one operation.
///
/// `spent_until` is the instant at which it will be full again. A call moves it
/// one interval on; it may never lie more than `burst` intervals ahead of now.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    limit: Limit,
    spent_until: Option<Instant>,
}

impl Bucket {
    pub(super) fn full(limit: Limit) -> Self {
        Self {
            limit,
            spent_until: None,
        }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// Takes one call's worth, where there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let interval = self.limit.interval();
        let spent_until = self.spent_until.map_or(now, |instant| instant.max(now)) + interval;
        let fits = spent_until - now <= interval * self.limit.burst;
        if fits {
            self.spent_until = Some(spent_until);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_starts_full_and_refills_one_call_in_each_interval() {
        let now = Instant::now();
        let mut bucket = Bucket::full(Limit::new(4.0, 2).unwrap());
        assert_eq!(
            [bucket.take(now), bucket.take(now), bucket.take(now)],
            [true, true, false]
        );
        let later = now + Duration::from_millis(250);
        assert_eq!([bucket.take(later), bucket.take(later)], [true, false]);
    }

    #[test]
    fn a_limit_out_of_bounds_is_refused_with_value_and_bound() {
        let refused = |rate, burst| Limit::new(rate, burst).unwrap_err().to_string();
        assert_eq!(
            refused(0.0, 1),
            "rate 0 must be from 0.001 to 1000000 calls a second"
        );
        assert_eq!(
            refused(f64::NAN, 1),
            "rate NaN must be from 0.001 to 1000000 calls a second"
        );
        assert_eq!(refused(1.0, 0), "burst 0 must be from 1 to 1000000 calls");
    }

    proptest! {
        #[test]
        fn no_window_admits_more_than_its_burst_and_what_flowed_in(
            rate in 1.0f64..500.0,
            burst in 1u32..20,
            gaps in prop::collection::vec(0u64..200, 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::full(Limit::new(rate, burst).unwrap());
            let mut now = start;
            let mut admitted = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if bucket.take(now) {
                    admitted.push(now);
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let flowed = (*to - *from).as_secs_f64() * rate;
                    prop_assert!((last - first + 1) as f64 <= f64::from(burst) + flowed + 0.001);
                }
            }
        }

        #[test]
        fn a_pace_below_the_rate_is_never_refused(rate in 1.0f64..500.0, calls in 1u32..200) {
            let start = Instant::now();
            let mut bucket = Bucket::full(Limit::new(rate, 1).unwrap());
            let pace = Duration::from_secs_f64(1.0 / rate) + Duration::from_nanos(1);
            for call in 0..calls {
                prop_assert!(bucket.take(start + pace * call));
            }
        }
    }
}
