//! The token bucket of one process: governor's
//! [GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm), on a clock whose
//! speed is the rate.
//!
//! The bucket starts *empty*, also after a restart, so that a crash loop cannot send a
//! burst each time. It fills at its rate up to its burst.
//!
//! For example, with 25 calls a second and burst 5, the first call may be sent 40 ms
//! after the start. After 200 ms without calls five may be sent at once, and the sixth
//! 40 ms after them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::clock::{CELL, VirtualClock, VirtualTime};

/// A token bucket.
pub(super) struct LocalBucket {
    limiter: Limiter,
    tat: TheoreticalArrivalTime,
    time: VirtualTime,
    burst: NonZeroU32,
}

type Limiter =
    RateLimiter<NotKeyed, TheoreticalArrivalTime, VirtualClock, NoOpMiddleware<Duration>>;

impl LocalBucket {
    /// Returns an empty bucket.
    pub(super) fn new(now: Instant, calls_per_second: f64, burst: NonZeroU32) -> Self {
        // Governor counts from its clock's first reading, which is zero here.
        let time = VirtualTime::new(now, calls_per_second);
        let quota = Quota::with_period(CELL).expect("a cell is longer than zero");
        let tat = TheoreticalArrivalTime::empty_bucket(burst);
        let limiter = RateLimiter::new(quota.allow_burst(burst), tat.clone(), time.clock());
        Self {
            limiter,
            tat,
            time,
            burst,
        }
    }

    /// Takes a token, or returns when the next one is available.
    pub(super) fn take(&self, now: Instant) -> Result<(), Instant> {
        self.time.advance(now);
        self.limiter.check().map_err(|_| self.next_at(now))
    }

    /// Returns a token that was taken and not used.
    pub(super) fn return_token(&self) {
        self.tat.move_back(CELL);
    }

    /// Returns when the next token can be taken: `now` where one is available.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        let full_but_one = self.time.advance(now) + CELL * (self.burst.get() - 1);
        match self.tat.get().saturating_sub(full_but_one) {
            Duration::ZERO => now,
            missing => now + self.time.to_real(missing),
        }
    }

    /// Returns how many tokens it holds, fractions included: 0 to the burst.
    pub(super) fn level(&self, now: Instant) -> f64 {
        let full = self.time.advance(now) + CELL * self.burst.get();
        let level = full.saturating_sub(self.tat.get());
        // Divide whole nanoseconds, so that rounding does not hide an available token.
        (level.as_nanos() as f64 / CELL.as_nanos() as f64).min(f64::from(self.burst.get()))
    }

    /// Returns the rate at which it fills, in calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.time.rate()
    }

    /// Sets the rate from `now` on. The bucket keeps its tokens.
    pub(super) fn set_rate(&mut self, now: Instant, calls_per_second: f64) {
        self.time.set_rate(now, calls_per_second);
    }

    /// Sets the burst from `now` on. A changed burst empties the bucket, so that a reload
    /// cannot cause a second burst.
    pub(super) fn set_burst(&mut self, now: Instant, burst: NonZeroU32) {
        if burst != self.burst {
            *self = Self::new(now, self.rate(), burst);
        }
    }
}

/// The theoretical arrival time (TAT) of GCRA, which is governor's whole state: the
/// virtual time at which the bucket is full again.
#[derive(Clone, Debug)]
struct TheoreticalArrivalTime(Arc<AtomicU64>);

impl TheoreticalArrivalTime {
    fn empty_bucket(burst: NonZeroU32) -> Self {
        Self(Arc::new(AtomicU64::new(
            Nanos::from(CELL * burst.get()).as_u64(),
        )))
    }

    fn move_back(&self, span: Duration) {
        let earlier = Nanos::from(self.get().saturating_sub(span));
        self.0.store(earlier.as_u64(), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

impl StateStore for TheoreticalArrivalTime {
    type Key = NotKeyed;

    // One task owns the bucket, so there are no concurrent updates.
    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = decide(Some(Nanos::from(self.get())))?;
        self.0.store(next.as_u64(), Ordering::Relaxed);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn burst(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).expect("not zero")
    }

    fn take_all(bucket: &LocalBucket, now: Instant) -> usize {
        std::iter::repeat_with(|| bucket.take(now))
            .take_while(Result::is_ok)
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_starts_empty_fills_at_its_rate_and_holds_its_burst() {
        let start = Instant::now();
        let bucket = LocalBucket::new(start, 25.0, burst(5));
        let first = bucket.take(start).expect_err("it starts empty");
        assert!((first - start).abs_diff(Duration::from_millis(40)) < Duration::from_micros(1));
        assert_eq!(bucket.take(first), Ok(()));
        assert_eq!(take_all(&bucket, first + Duration::from_secs(60)), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_level_is_the_number_of_tokens_that_can_be_taken() {
        let start = Instant::now();
        let bucket = LocalBucket::new(start, 10.0, burst(4));
        assert!(bucket.level(start) < 0.001);
        let later = start + Duration::from_millis(250);
        assert!((bucket.level(later) - 2.5).abs() < 0.001);
        assert_eq!(take_all(&bucket, later), 2);
        assert!((bucket.level(later) - 0.5).abs() < 0.001);
        assert!((bucket.level(later + Duration::from_secs(60)) - 4.0).abs() < 0.001);
    }

    #[tokio::test(start_paused = true)]
    async fn a_returned_token_can_be_taken_again_once() {
        let bucket = LocalBucket::new(Instant::now(), 10.0, burst(4));
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(take_all(&bucket, later), 4);
        bucket.return_token();
        assert_eq!(take_all(&bucket, later), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_burst_empties_the_bucket() {
        let start = Instant::now();
        let mut bucket = LocalBucket::new(start, 10.0, burst(4));
        let later = start + Duration::from_secs(60);
        bucket.set_burst(later, burst(8));
        assert_eq!(take_all(&bucket, later), 0);
        assert_eq!(take_all(&bucket, later + Duration::from_secs(60)), 8);
    }

    proptest! {
        /// No window has more than rate x time + burst calls, whenever calls are requested
        /// and however the rate changes below its maximum.
        #[test]
        fn no_window_exceeds_the_rate_and_one_burst(
            size in 1_u32..20,
            steps in prop::collection::vec((0_u64..200, 1_u32..5, 0.05_f64..1.0), 1..200),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let start = runtime.block_on(async { Instant::now() });
            let (rate, mut now, mut taken) = (50.0, start, Vec::new());
            let mut bucket = LocalBucket::new(start, rate, burst(size));
            for (pause, requested, factor) in steps {
                now += Duration::from_millis(pause);
                bucket.set_rate(now, rate * factor);
                taken.extend((0..requested).filter(|_| bucket.take(now).is_ok()).map(|_| now));
            }
            for (i, from) in taken.iter().enumerate() {
                for (j, to) in taken.iter().enumerate().skip(i) {
                    let allowed = rate * (*to - *from).as_secs_f64() + f64::from(size);
                    prop_assert!((j - i + 1) as f64 <= allowed + 1e-3);
                }
            }
        }
    }
}
