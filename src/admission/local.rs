//! The token bucket of one process, where no store shares it: governor's
//! [GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
//!
//! governor decides whether a token is available, when the next one is, and how many
//! there are. It has no way to return a token, to change the rate, or to ask without
//! taking. The state that it decides on is therefore kept here, and its clock runs at the
//! rate ([`VirtualTime`]).
//!
//! The bucket starts *empty*, also after a restart, so that a crash loop cannot send a
//! burst each time. It fills at its rate up to its burst. Timers have a resolution of
//! milliseconds, so it holds the tokens of a [`TICK`] more: a token that is taken late
//! delays no other. In any window there are at most rate x (time + a tick) + burst calls.
//!
//! For example, with 25 calls a second and burst 5, the first call may be sent 40 ms
//! after the start. After 200 ms without calls five may be sent at once, and the sixth
//! 40 ms after them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::clock::{CALL, VirtualTime};

/// How late a timer may fire without the loss of a token. Without it
/// `the_millisecond_resolution_of_timers_costs_no_quota` fails.
const TICK: Duration = Duration::from_millis(2);

/// A call costs so many of governor's cells, which are whole numbers.
const CELLS: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");

/// A token bucket.
pub(super) struct LocalBucket {
    limiter: RateLimiter<NotKeyed, FullAt, VirtualTime, StateInformationMiddleware>,
    full_at: FullAt,
    burst: NonZeroU32,
}

impl LocalBucket {
    /// Returns an empty bucket.
    pub(super) fn new(now: Instant, calls_per_second: f64, burst: NonZeroU32) -> Self {
        let calls = f64::from(burst.get()) + calls_per_second * TICK.as_secs_f64();
        let cells = NonZeroU32::new((calls * f64::from(CELLS.get())) as u32).unwrap_or(CELLS);
        let cell = CALL / CELLS.get();
        let quota = Quota::with_period(cell).expect("a cell is longer than zero");
        // Governor counts from its clock's first reading, which is zero here.
        let full_at = FullAt::new(cell * cells.get());
        let time = VirtualTime::new(now, calls_per_second);
        Self {
            limiter: RateLimiter::new(quota.allow_burst(cells), full_at.clone(), time),
            full_at,
            burst,
        }
    }

    /// Takes a token, or returns when the next one is available.
    pub(super) fn take(&self, now: Instant) -> Result<(), Instant> {
        self.take_cells(CELLS, now).map(|_| ())
    }

    fn take_cells(&self, cells: NonZeroU32, now: Instant) -> Result<StateSnapshot, Instant> {
        let time = self.limiter.clock();
        let reading = time.advance(now);
        let taken = self.limiter.check_n(cells);
        taken
            .expect("the bucket holds at least one call")
            .map_err(|until| now + time.to_real(until.wait_time_from(reading)))
    }

    /// Returns a token that was taken and not used.
    pub(super) fn return_token(&self) {
        self.full_at.set(self.full_at.get().saturating_sub(CALL));
    }

    /// Returns when the next token can be taken: `now` where one is available.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        self.without_taking(|| self.take(now)).err().unwrap_or(now)
    }

    /// Returns how many tokens it holds, fractions included: 0 to the burst.
    pub(super) fn level(&self, now: Instant) -> f64 {
        let one = self.without_taking(|| self.take_cells(NonZeroU32::MIN, now));
        // Round up, so that rounding does not hide an available token.
        let cells = one.map_or(0.0, |left| f64::from(left.remaining_burst_capacity()) + 2.0);
        (cells / f64::from(CELLS.get())).min(f64::from(self.burst.get()))
    }

    fn without_taking<T>(&self, take: impl FnOnce() -> T) -> T {
        let before = self.full_at.get();
        let taken = take();
        self.full_at.set(before);
        taken
    }

    /// Returns the rate at which it fills, in calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.limiter.clock().rate()
    }

    /// Sets the rate from `now` on. The bucket keeps its tokens.
    pub(super) fn set_rate(&mut self, now: Instant, calls_per_second: f64) {
        self.limiter.clock().set_rate(now, calls_per_second);
    }

    /// Sets the burst from `now` on. A changed burst empties the bucket, so that a reload
    /// cannot cause a second burst.
    pub(super) fn set_burst(&mut self, now: Instant, burst: NonZeroU32) {
        if burst != self.burst {
            *self = Self::new(now, self.rate(), burst);
        }
    }
}

/// The whole state of GCRA: the virtual time at which the bucket is full again (the
/// *theoretical arrival time*).
#[derive(Clone, Debug)]
struct FullAt(Arc<AtomicU64>);

impl FullAt {
    fn new(at: Duration) -> Self {
        Self(Arc::new(Nanos::from(at).as_u64().into()))
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, at: Duration) {
        self.0.store(Nanos::from(at).as_u64(), Ordering::Relaxed);
    }
}

impl StateStore for FullAt {
    type Key = NotKeyed;

    // The scheduler owns the bucket, so there are no concurrent updates.
    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = decide(Some(Nanos::from(self.get())))?;
        self.set(next.into());
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
        /// No window has more than rate x (time + a tick) + burst calls, whenever calls are
        /// requested and however the rate changes below its maximum.
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
                    let time = *to - *from + TICK;
                    let allowed = rate * time.as_secs_f64() + f64::from(size);
                    prop_assert!((j - i + 1) as f64 <= allowed + 1e-3);
                }
            }
        }
    }
}
