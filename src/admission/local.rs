//! The token bucket of one process, where no store shares it: governor's
//! [GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
//!
//! governor decides whether a token is available, when the next one is, and how many
//! there are. It has no way to return a token, to change the rate, or to ask without
//! taking, and its clocks ignore tokio's paused time. The state is therefore kept here:
//! after how many calls' time the bucket is full again, of which time at the rate takes
//! off. For each decision governor gets that state on a clock that stands still, and only
//! the state after a token was taken is kept.
//!
//! The bucket starts *empty*, also after a restart, so that a crash loop cannot send a
//! burst each time. It fills at its rate up to its burst. Timers have a resolution of
//! milliseconds, so it holds the tokens of a [`TICK`] more: a token that is taken late
//! delays no other. In any window there are at most rate x (time + a tick) + burst calls.
//!
//! For example, with 25 calls a second and burst 5, the first call may be sent 40 ms
//! after the start. After 200 ms without calls five may be sent at once, and the sixth
//! 40 ms after them.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::predict::wait_from_secs;

/// How late a timer may fire without the loss of a token. Without it
/// `the_millisecond_resolution_of_timers_costs_no_quota` fails.
const TICK: Duration = Duration::from_millis(2);

/// The cost of one call in virtual time, of which one millisecond passes for each call that
/// the rate allows.
const CALL: Duration = Duration::from_millis(1);

/// A call costs so many of governor's cells, which are whole numbers.
const CELLS: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");

/// A token bucket.
pub(super) struct LocalBucket {
    quota: Quota,
    burst: NonZeroU32,
    calls_per_second: f64,
    /// The virtual time from `updated_at` until the bucket is full.
    full_in: Duration,
    updated_at: Instant,
}

/// governor's limiter at one instant.
type Limiter = RateLimiter<NotKeyed, FullIn, StoppedClock, StateInformationMiddleware>;

impl LocalBucket {
    /// Returns an empty bucket.
    pub(super) fn new(now: Instant, calls_per_second: f64, burst: NonZeroU32) -> Self {
        let calls = f64::from(burst.get()) + calls_per_second * TICK.as_secs_f64();
        let cells = NonZeroU32::new((calls * f64::from(CELLS.get())) as u32).unwrap_or(CELLS);
        let cell = CALL / CELLS.get();
        let quota = Quota::with_period(cell).expect("a cell is longer than zero");
        Self {
            quota: quota.allow_burst(cells),
            burst,
            calls_per_second,
            full_in: cell * cells.get(),
            updated_at: now,
        }
    }

    /// Returns the virtual time from `now` until the bucket is full.
    fn full_in(&self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.updated_at);
        let calls = elapsed.as_secs_f64() * self.calls_per_second;
        let passed = wait_from_secs(calls * CALL.as_secs_f64());
        self.full_in.saturating_sub(passed)
    }

    fn limiter(&self, now: Instant) -> Limiter {
        let state = FullIn(Cell::new(self.full_in(now)));
        RateLimiter::new(self.quota, state, StoppedClock)
    }

    /// Takes a token, or returns when the next one is available.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let limiter = self.limiter(now);
        self.decide(&limiter, now)?;
        (self.full_in, self.updated_at) = (limiter.into_state_store().0.get(), now);
        Ok(())
    }

    /// Returns when the next token can be taken: `now` where one is available.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        let decision = self.decide(&self.limiter(now), now);
        decision.err().unwrap_or(now)
    }

    fn decide(&self, limiter: &Limiter, now: Instant) -> Result<(), Instant> {
        let decision = limiter.check_n(CELLS);
        let decision = decision.expect("the bucket holds at least one call");
        decision.map(drop).map_err(|until| {
            let wait = until.wait_time_from(Duration::ZERO);
            let calls = wait.as_secs_f64() / CALL.as_secs_f64();
            // Rounded up.
            now + wait_from_secs(calls / self.calls_per_second) + Duration::from_nanos(1)
        })
    }

    /// Returns a token that was taken and not used.
    pub(super) fn return_token(&mut self) {
        self.full_in = self.full_in.saturating_sub(CALL);
    }

    /// Returns how many tokens it holds, fractions included: 0 to the burst.
    pub(super) fn level(&self, now: Instant) -> f64 {
        let one = self.limiter(now).check();
        // Round up, so that rounding does not hide an available token.
        let cells = one.map_or(0.0, |left| f64::from(left.remaining_burst_capacity()) + 2.0);
        (cells / f64::from(CELLS.get())).min(f64::from(self.burst.get()))
    }

    /// Returns the rate at which it fills, in calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.calls_per_second
    }

    /// Sets the rate from `now` on. The bucket keeps its tokens.
    pub(super) fn set_rate(&mut self, now: Instant, calls_per_second: f64) {
        (self.full_in, self.updated_at) = (self.full_in(now), now);
        self.calls_per_second = calls_per_second;
    }

    /// Sets the burst from `now` on. A changed burst empties the bucket, so that a reload
    /// cannot cause a second burst.
    pub(super) fn set_burst(&mut self, now: Instant, burst: NonZeroU32) {
        if burst != self.burst {
            *self = Self::new(now, self.rate(), burst);
        }
    }
}

/// The whole state of GCRA: the virtual time until the bucket is full (the *theoretical
/// arrival time*).
struct FullIn(Cell<Duration>);

impl StateStore for FullIn {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, full_in) = decide(Some(self.0.get().into()))?;
        self.0.set(full_in.into());
        Ok(outcome)
    }
}

/// governor's clock, which reads zero at each decision.
struct StoppedClock;

impl Clock for StoppedClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn burst(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).expect("not zero")
    }

    fn take_all(bucket: &mut LocalBucket, now: Instant) -> usize {
        std::iter::repeat_with(|| bucket.take(now))
            .take_while(Result::is_ok)
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_starts_empty_fills_at_its_rate_and_holds_its_burst() {
        let start = Instant::now();
        let mut bucket = LocalBucket::new(start, 25.0, burst(5));
        let first = bucket.take(start).expect_err("it starts empty");
        assert!((first - start).abs_diff(Duration::from_millis(40)) < Duration::from_micros(1));
        assert_eq!(bucket.take(first), Ok(()));
        assert_eq!(take_all(&mut bucket, first + Duration::from_secs(60)), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_level_is_the_number_of_tokens_that_can_be_taken() {
        let start = Instant::now();
        let mut bucket = LocalBucket::new(start, 10.0, burst(4));
        assert!(bucket.level(start) < 0.001);
        let later = start + Duration::from_millis(250);
        assert!((bucket.level(later) - 2.5).abs() < 0.001);
        assert_eq!(take_all(&mut bucket, later), 2);
        assert!((bucket.level(later) - 0.5).abs() < 0.001);
        assert!((bucket.level(later + Duration::from_secs(60)) - 4.0).abs() < 0.001);
    }

    #[tokio::test(start_paused = true)]
    async fn a_returned_token_can_be_taken_again_once() {
        let mut bucket = LocalBucket::new(Instant::now(), 10.0, burst(4));
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(take_all(&mut bucket, later), 4);
        bucket.return_token();
        assert_eq!(take_all(&mut bucket, later), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_burst_empties_the_bucket() {
        let start = Instant::now();
        let mut bucket = LocalBucket::new(start, 10.0, burst(4));
        let later = start + Duration::from_secs(60);
        bucket.set_burst(later, burst(8));
        assert_eq!(take_all(&mut bucket, later), 0);
        assert_eq!(take_all(&mut bucket, later + Duration::from_secs(60)), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rate_loses_no_fraction_of_a_call() {
        let start = Instant::now();
        let mut bucket = LocalBucket::new(start, 25.0, burst(5));
        let half = start + Duration::from_millis(20);
        bucket.set_rate(half, 12.5);
        assert!((bucket.level(half) - 0.5).abs() < 0.001);
        let expected = half + Duration::from_millis(40) + Duration::from_nanos(1);
        assert_eq!(bucket.next_at(half), expected);
        assert_eq!(bucket.take(half), Err(expected));
        assert_eq!(bucket.take(expected), Ok(()));
    }

    proptest! {
        /// Any rate and any time give a level and a wait, without a panic.
        #[test]
        fn the_arithmetic_never_panics(
            rate in any::<f64>(),
            new_rate in any::<f64>(),
            seconds in 0_u64..1_000_000_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let start = runtime.block_on(async { Instant::now() });
            let now = start + Duration::from_secs(seconds);
            let mut bucket = LocalBucket::new(start, rate.abs(), burst(3));
            prop_assert!((0.0..=3.0).contains(&bucket.level(now)));
            bucket.set_rate(now, new_rate);
            let longest = Duration::from_secs(24 * 3600) + Duration::from_nanos(1);
            prop_assert!(bucket.next_at(now) <= now + longest);
            let later = now + Duration::from_secs(seconds);
            prop_assert!((0.0..=3.0).contains(&bucket.level(later)));
            let _ = bucket.take(later);
        }

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
