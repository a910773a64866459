//! A clock whose speed is a rate: one virtual millisecond passes for each call that
//! the rate allows.
//!
//! A governor quota cannot be changed in place, and a new limiter at each change of
//! rate would lose or double a quota token. The limiter therefore keeps one quota, a
//! call for each virtual millisecond, and a new rate changes the speed of this clock.
//! Governor's own clocks also ignore tokio's paused time; this one reads no other.
//!
//! For example, at 25 calls a second, 40 ms of real time are one virtual millisecond,
//! which is one call. If the rate is set to 12.5 half way, the other half of that call
//! takes 40 ms more.

use std::cell::Cell;
use std::time::Duration;

use governor::clock::Clock;
use tokio::time::Instant;

/// The longest wait that is computed. It is computed again after that time.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The greatest reading, three centuries. Governor adds to it in nanoseconds, so half
/// the range stays free.
const MAX_READING: Duration = Duration::from_nanos(u64::MAX / 2);

/// Returns a wait of `seconds`: zero where they are not above 0, and at most a day,
/// also for NaN.
pub(super) fn wait_from_secs(seconds: f64) -> Duration {
    if seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).map_or(MAX_WAIT, |wait| wait.min(MAX_WAIT))
}

/// The cost of one call, in virtual time.
pub(super) const CALL: Duration = Duration::from_millis(1);

/// Virtual time, which is governor's clock.
#[derive(Debug)]
pub(super) struct VirtualTime {
    calls_per_second: Cell<f64>,
    /// A pair of corresponding real and virtual times, set at each change of rate.
    anchor: Cell<(Instant, Duration)>,
    /// The time that governor reads.
    reading: Cell<Duration>,
}

impl Clock for VirtualTime {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.reading.get()
    }
}

impl VirtualTime {
    /// Starts at virtual time zero.
    pub(super) fn new(now: Instant, calls_per_second: f64) -> Self {
        Self {
            calls_per_second: Cell::new(calls_per_second),
            anchor: Cell::new((now, Duration::ZERO)),
            reading: Cell::new(Duration::ZERO),
        }
    }

    /// Advances virtual time to `now`, and returns it.
    pub(super) fn advance(&self, now: Instant) -> Duration {
        let (since, base) = self.anchor.get();
        let calls = now.saturating_duration_since(since).as_secs_f64() * self.rate();
        let passed = virtual_span(calls * CALL.as_secs_f64());
        self.reading
            .set(base.saturating_add(passed).min(MAX_READING));
        self.reading.get()
    }

    /// Sets the rate from `now` on.
    pub(super) fn set_rate(&self, now: Instant, calls_per_second: f64) {
        self.anchor.set((now, self.advance(now)));
        self.calls_per_second.set(calls_per_second);
    }

    /// Returns the rate in calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.calls_per_second.get()
    }

    /// Converts a span of virtual time to real time, rounded up.
    pub(super) fn to_real(&self, span: Duration) -> Duration {
        let calls = span.as_secs_f64() / CALL.as_secs_f64();
        wait_from_secs(calls / self.rate()) + Duration::from_nanos(1)
    }
}

/// Converts seconds to a span of virtual time, which never runs backward.
fn virtual_span(seconds: f64) -> Duration {
    if seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).unwrap_or(MAX_READING)
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission::caller_rate_limit::CallerRateLimit;
    use crate::admission::predict::{Availability, time_for};

    #[test]
    fn a_wait_is_between_zero_and_a_day() {
        assert_eq!(wait_from_secs(1.5), Duration::from_millis(1500));
        for zero in [0.0, -0.0, -1.0, f64::NEG_INFINITY] {
            assert_eq!(wait_from_secs(zero), Duration::ZERO);
        }
        for huge in [1e20, f64::MAX, f64::INFINITY, f64::NAN] {
            assert_eq!(wait_from_secs(huge), MAX_WAIT);
        }
    }

    proptest! {
        /// Any rate and any count give a wait, without a panic.
        #[test]
        fn the_arithmetic_never_panics(
            rate in any::<f64>(),
            count in any::<f64>(),
            level in any::<f64>(),
            calls in any::<usize>(),
            seconds in 0_u64..1_000_000_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let start = runtime.block_on(async { Instant::now() });
            let now = start + Duration::from_secs(seconds);
            prop_assert!(wait_from_secs(count) <= MAX_WAIT);
            let availability = Availability { level, rate };
            prop_assert!(time_for(count, availability) <= MAX_WAIT);
            let mut limit = CallerRateLimit::new(start, rate);
            prop_assert!(limit.wait_for(now, calls) <= MAX_WAIT);
            limit.take(now);
            prop_assert!(limit.with_rate(now, count).wait_for(now, calls) <= MAX_WAIT);
            let time = VirtualTime::new(start, rate);
            let before = time.advance(now);
            time.set_rate(now, count);
            prop_assert!(time.advance(now + Duration::from_secs(seconds)) >= before);
            prop_assert!(time.to_real(CALL) <= MAX_WAIT + Duration::from_nanos(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rate_changes_the_speed_and_loses_no_fraction_of_a_call() {
        let start = Instant::now();
        let time = VirtualTime::new(start, 25.0);
        let half = start + Duration::from_millis(20);
        time.set_rate(half, 12.5);
        assert_eq!(time.advance(half), CALL / 2);
        assert_eq!(time.advance(half + Duration::from_millis(40)), CALL);
        assert_eq!(
            time.to_real(CALL / 2),
            Duration::from_millis(40) + Duration::from_nanos(1)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_year_at_the_highest_rate_does_not_overflow() {
        let start = Instant::now();
        let time = VirtualTime::new(start, 10_000.0);
        let year = Duration::from_secs(365 * 24 * 3600);
        let cells = time.advance(start + year).as_secs_f64() / CALL.as_secs_f64();
        assert!((cells / (10_000.0 * year.as_secs_f64()) - 1.0).abs() < 1e-9);
    }
}
