//! A clock whose speed is a rate: one virtual millisecond passes for each call
//! that the rate allows.
//!
//! Governor's quota cannot be changed in place, and a new limiter at each change
//! of rate would lose or double a slot. So the limiter keeps one quota for good,
//! a cell for each virtual millisecond, and a new rate only turns this clock
//! faster or slower. Governor's own clocks also ignore tokio's paused time;
//! this one reads nothing else.
//!
//! An example: at 25 calls a second, 40 ms of real time are one virtual
//! millisecond, one cell. At a rate of 12.5, set half way, the other half of that
//! cell takes 40 ms more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use tokio::time::Instant;

/// No wait is computed to be longer: whoever waits so long looks again.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Governor adds to its reading, in nanoseconds: half of them is three centuries.
const END_OF_TIME: Duration = Duration::from_nanos(u64::MAX / 2);

/// A wait of so many seconds: none where they are not above 0, at most a day,
/// and that too where they are no number.
pub(super) fn wait_of(seconds: f64) -> Duration {
    if seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// What one call costs, in virtual time.
pub(super) const CELL: Duration = Duration::from_millis(1);

/// Virtual time as governor reads it: what [`VirtualTime`] last wrote here.
#[derive(Clone, Debug, Default)]
pub(super) struct VirtualClock(Arc<AtomicU64>);

impl Clock for VirtualClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Turns real time into virtual time, at a rate that can change.
#[derive(Debug)]
pub(super) struct VirtualTime {
    clock: VirtualClock,
    cells_per_second: f64,
    /// Where real and virtual time were last tied together.
    anchor: (Instant, Duration),
}

impl VirtualTime {
    /// Virtual time zero at `now`, running at `cells_per_second`.
    pub(super) fn starting(now: Instant, cells_per_second: f64) -> Self {
        Self {
            clock: VirtualClock::default(),
            cells_per_second,
            anchor: (now, Duration::ZERO),
        }
    }

    /// The clock to hand to governor.
    pub(super) fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// Brings virtual time up to `now`, and says what it is.
    pub(super) fn advance(&self, now: Instant) -> Duration {
        let (since, base) = self.anchor;
        let cells = now.saturating_duration_since(since).as_secs_f64() * self.cells_per_second;
        let passed = virtual_span(cells * CELL.as_secs_f64());
        let reading = base.saturating_add(passed).min(END_OF_TIME);
        self.clock.0.store(as_nanos(reading), Ordering::Relaxed);
        reading
    }

    /// Runs at another rate from `now` on.
    pub(super) fn set_rate(&mut self, now: Instant, cells_per_second: f64) {
        self.anchor = (now, self.advance(now));
        self.cells_per_second = cells_per_second;
    }

    /// The rate at which it runs.
    pub(super) fn rate(&self) -> f64 {
        self.cells_per_second
    }

    /// How much real time passes while virtual time does `span`, rounded up.
    pub(super) fn real(&self, span: Duration) -> Duration {
        let cells = span.as_secs_f64() / CELL.as_secs_f64();
        wait_of(cells / self.cells_per_second) + Duration::from_nanos(1)
    }
}

/// Virtual time goes forward or stands; it does not end before its end.
fn virtual_span(seconds: f64) -> Duration {
    if seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).unwrap_or(END_OF_TIME)
    } else {
        Duration::ZERO
    }
}

fn as_nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission::caller_rate_limit::CallerRateLimit;
    use crate::admission::predict::{Availability, time_for};

    #[test]
    fn a_wait_is_from_none_to_a_day() {
        assert_eq!(wait_of(1.5), Duration::from_millis(1500));
        for none in [0.0, -0.0, -1.0, f64::NEG_INFINITY] {
            assert_eq!(wait_of(none), Duration::ZERO);
        }
        for longest in [1e20, f64::MAX, f64::INFINITY, f64::NAN] {
            assert_eq!(wait_of(longest), LONGEST);
        }
    }

    proptest! {
        /// Whatever the rate and the count are, there is a wait, and no panic.
        #[test]
        fn no_number_makes_the_arithmetic_panic(
            rate in any::<f64>(),
            count in any::<f64>(),
            level in any::<f64>(),
            calls in any::<usize>(),
            seconds in 0_u64..1_000_000_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let start = runtime.block_on(async { Instant::now() });
            let now = start + Duration::from_secs(seconds);
            prop_assert!(wait_of(count) <= LONGEST);
            let availability = Availability { level, rate };
            prop_assert!(time_for(count, availability) <= LONGEST);
            let mut ceiling = CallerRateLimit::starting(start, rate);
            prop_assert!(ceiling.wait_for(now, calls) <= LONGEST);
            ceiling.spend(now);
            prop_assert!(ceiling.at_rate(now, count).wait_for(now, calls) <= LONGEST);
            let mut time = VirtualTime::starting(start, rate);
            let before = time.advance(now);
            time.set_rate(now, count);
            prop_assert!(time.advance(now + Duration::from_secs(seconds)) >= before);
            prop_assert!(time.real(CELL) <= LONGEST + Duration::from_nanos(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rate_changes_the_speed_and_loses_no_part_of_a_cell() {
        let start = Instant::now();
        let mut time = VirtualTime::starting(start, 25.0);
        let half = start + Duration::from_millis(20);
        time.set_rate(half, 12.5);
        assert_eq!(time.advance(half), CELL / 2);
        assert_eq!(time.advance(half + Duration::from_millis(40)), CELL);
        assert_eq!(
            time.real(CELL / 2),
            Duration::from_millis(40) + Duration::from_nanos(1)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn months_at_the_highest_rate_do_not_overflow() {
        let start = Instant::now();
        let time = VirtualTime::starting(start, 10_000.0);
        let year = Duration::from_secs(365 * 24 * 3600);
        let cells = time.advance(start + year).as_secs_f64() / CELL.as_secs_f64();
        assert!((cells / (10_000.0 * year.as_secs_f64()) - 1.0).abs() < 1e-9);
    }
}
