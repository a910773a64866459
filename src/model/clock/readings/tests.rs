//! No wrong reading confirms a wrong time, and right ones heal every state.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// The largest error of a confirmed time, in seconds: a reading that is tolerated, which
/// another one that is tolerated confirms.
const TOLERANCE: f64 = 10.0;

/// A process that started at `start` by a right clock.
#[derive(Clone, Copy)]
struct World {
    start: (SystemTime, Instant),
}

impl World {
    fn new() -> Self {
        let start = SystemTime::UNIX_EPOCH + 2_000_000_000 * SECOND;
        Self {
            start: (start, Instant::now()),
        }
    }

    /// Returns the right time after this many seconds of uptime.
    fn time(self, uptime: u64) -> SystemTime {
        self.start.0 + Duration::from_secs(uptime)
    }

    /// Returns the own clocks then; the wall clock is ahead by `skew` seconds.
    fn own(self, uptime: u64, skew: i64) -> OwnTime {
        OwnTime {
            wall: shifted(self.time(uptime), skew),
            monotonic: self.start.1 + Duration::from_secs(uptime),
        }
    }
}

fn shifted(time: SystemTime, seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        time - distance
    } else {
        time + distance
    }
}

fn estimate(time: SystemTime, basis: Basis) -> Estimate {
    Estimate { time, basis }
}

#[test]
fn the_second_response_confirms_what_the_first_one_corrected() {
    let (mut readings, world) = (ClockReadings::default(), World::new());
    for skew in [200, -200] {
        let start = world.own(0, skew);
        let before = readings.estimate(start);
        assert_eq!(before, estimate(start.wall, Basis::OwnClock));
        readings.observe(ClockSource::Aws, world.time(0), start);
        let later = world.own(10, skew);
        let corrected = readings.estimate(later);
        assert_eq!(corrected, estimate(world.time(10), Basis::OneResponse));
        readings.observe(ClockSource::Aws, world.time(10), later);
        let confirmed = readings.estimate(world.own(15, skew));
        assert_eq!(confirmed, estimate(world.time(15), Basis::Aws));
        readings = ClockReadings::default();
    }
}

#[test]
fn a_difference_of_a_few_seconds_is_tolerated() {
    let (mut readings, world) = (ClockReadings::default(), World::new());
    readings.observe(ClockSource::Aws, world.time(0), world.own(0, 3));
    let own = world.own(10, 3);
    assert_eq!(readings.estimate(own), estimate(own.wall, Basis::Aws));
}

#[test]
fn the_store_confirms_the_own_clock_and_never_corrects_it() {
    let (mut readings, world) = (ClockReadings::default(), World::new());
    let own = world.own(0, 0);
    readings.observe(ClockSource::Store, shifted(own.wall, -200), own);
    let unconfirmed = estimate(own.wall, Basis::OwnClock);
    assert_eq!(readings.estimate(own), unconfirmed, "one of them is wrong");
    readings.observe(ClockSource::Store, own.wall, own);
    assert_eq!(readings.estimate(own), estimate(own.wall, Basis::Store));
    readings.observe(ClockSource::Aws, shifted(own.wall, 400), own);
    assert_eq!(readings.estimate(own), unconfirmed, "AWS contradicts them");
}

#[test]
fn a_confirmed_skew_survives_one_response_that_contradicts_it() {
    let (mut readings, world) = (ClockReadings::default(), World::new());
    for uptime in [0, 1] {
        readings.observe(ClockSource::Aws, world.time(uptime), world.own(uptime, 200));
    }
    readings.observe(
        ClockSource::Aws,
        shifted(world.time(2), 90),
        world.own(2, 200),
    );
    let confirmed = estimate(world.time(3), Basis::Aws);
    assert_eq!(readings.estimate(world.own(3, 200)), confirmed);
}

#[test]
fn a_skew_of_more_than_a_day_is_reported_and_not_used() {
    let (mut readings, world) = (ClockReadings::default(), World::new());
    let own = world.own(0, 0);
    for skew in [86_401, 8_000 * 31_536_000, -86_401] {
        for _ in 0..3 {
            let (_, class) = readings.observe(ClockSource::Aws, shifted(own.wall, skew), own);
            assert_eq!(class, SkewClass::Implausible, "{skew}");
        }
        let unused = estimate(own.wall, Basis::OwnClock);
        assert_eq!(readings.estimate(own), unused, "{skew}");
    }
}

proptest! {
    /// A wrong response is one in a row here, and does not agree with the own clock.
    #[test]
    fn single_wrong_responses_never_confirm_a_wrong_time(
        skew in -300_i64..=300,
        responses in prop::collection::vec((0_u64..100, prop::option::of(-90_000_i64..90_000)), 1..40),
    ) {
        let (mut readings, world) = (ClockReadings::default(), World::new());
        let (mut uptime, mut was_wrong) = (0, false);
        for (wait, error) in responses {
            uptime += wait;
            let own = world.own(uptime, skew);
            let before = readings.estimate(own);
            if before.basis.is_confirmed() {
                prop_assert!(seconds_ahead(before.time, world.time(uptime)).abs() <= TOLERANCE);
            }
            let error = error.filter(|error| !was_wrong && (error - skew).abs() > 10);
            was_wrong = error.is_some();
            let time = shifted(world.time(uptime), error.unwrap_or(0));
            readings.observe(ClockSource::Aws, time, own);
        }
    }

    #[test]
    fn whatever_was_observed_two_right_responses_correct_it(
        skew in -80_000_i64..80_000,
        responses in prop::collection::vec((0_u64..100, -100_000_i64..100_000), 0..20),
    ) {
        let (mut readings, world) = (ClockReadings::default(), World::new());
        let mut uptime = 0;
        for (wait, error) in responses {
            uptime += wait;
            let time = shifted(world.time(uptime), error);
            readings.observe(ClockSource::Aws, time, world.own(uptime, skew));
        }
        for _ in 0..2 {
            uptime += 1;
            readings.observe(ClockSource::Aws, world.time(uptime), world.own(uptime, skew));
        }
        let now = readings.estimate(world.own(uptime, skew));
        prop_assert_eq!(now.basis, Basis::Aws);
        prop_assert!(seconds_ahead(now.time, world.time(uptime)).abs() <= TOLERANCE);
    }

    #[test]
    fn without_responses_the_own_clock_counts_again_unconfirmed(
        skew in -80_000_i64..80_000,
        errors in prop::collection::vec(-100_000_i64..100_000, 0..20),
        wait in 61_u64..1_000_000,
    ) {
        let (mut readings, world) = (ClockReadings::default(), World::new());
        for error in errors {
            for source in [ClockSource::Aws, ClockSource::Store] {
                let time = shifted(world.time(0), error);
                readings.observe(source, time, world.own(0, skew));
            }
        }
        let own = world.own(wait, skew);
        prop_assert_eq!(readings.estimate(own), estimate(own.wall, Basis::OwnClock));
    }

    /// The monotonic clock stands still during the suspension.
    #[test]
    fn after_a_suspension_or_a_jump_the_own_clock_counts_unconfirmed(
        skew in -80_000_i64..80_000,
        uptime in 0_u64..60,
        jump in prop_oneof![-100_000_i64..=-6, 6_i64..100_000],
    ) {
        let (mut readings, world) = (ClockReadings::default(), World::new());
        for source in [ClockSource::Aws, ClockSource::Aws, ClockSource::Store] {
            readings.observe(source, world.time(0), world.own(0, skew));
        }
        let own = world.own(uptime, skew + jump);
        prop_assert_eq!(readings.estimate(own), estimate(own.wall, Basis::OwnClock));
        prop_assert_eq!(readings.time_of(ClockSource::Aws, own), None);
    }
}
