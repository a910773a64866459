//! The wall clock, checked against the clocks of AWS and of the store.
//!
//! Only AWS's clock corrects the own one: a wrong store would otherwise make every replica
//! wrong. [`readings`] has the rules. Until the time is confirmed, nothing may expire by it
//! that would not have expired [`MAX_UNCONFIRMED_SKEW`] earlier as well.
//!
//! For example, the own clock is 200 s ahead, and ids of callers look 200 s old. The first
//! response of AWS has the `Date` of 200 s ago, and [`Clock::now`] returns AWS's time. The
//! second response confirms it, and the skew is +200 s.

mod readings;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use self::readings::{Basis, ClockReadings, Estimate, OwnTime, SkewClass};
use super::wall_clock;

/// Differences up to this are the resolution of `Date`, which is 1 s, and the network.
const TOLERATED_SKEW: Duration = Duration::from_secs(5);

/// The error that is tolerated in an unconfirmed time. At a larger one, AWS refuses the
/// signatures of calls.
const MAX_UNCONFIRMED_SKEW: Duration = Duration::from_secs(300);

/// The clock that a reading is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ClockSource {
    /// AWS, by the `Date` header of its responses.
    Aws,
    /// The store, by its command `TIME`.
    Store,
}

/// The wall clock and what is known of its skew. Clones share the readings.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    readings: Arc<Mutex<ClockReadings>>,
    awaits_check: bool,
}

impl ClockSource {
    /// Returns the name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Clock {
    /// Returns a clock that is confirmed only by other clocks. The default clock is always
    /// confirmed.
    #[must_use]
    pub fn awaiting_check() -> Self {
        Self {
            awaits_check: true,
            ..Self::default()
        }
    }

    /// Records that `source` reported `time` just now. Logs when the own clock starts to
    /// differ, and when it agrees again.
    pub fn observe(&self, source: ClockSource, time: SystemTime) {
        let own = OwnTime::read();
        let (before, class) = self.readings.lock().observe(source, time, own);
        if before == class {
            return;
        }
        let (source, seconds) = (source.as_str(), seconds_ahead(own.wall, time).round());
        match class {
            SkewClass::Negligible => info!(source, seconds, "clock skew ended"),
            SkewClass::Skewed => warn!(source, seconds, "clock skew, check the clock of this node"),
            SkewClass::Implausible => warn!(
                source,
                seconds, "clock skew of more than a day, the other clock is not used"
            ),
        }
    }

    /// Returns the best estimate of the time: AWS's if it is known and the own clock differs,
    /// otherwise that of the own clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.estimate(OwnTime::read()).time
    }

    /// Returns the current time if AWS confirms it. The store does not suffice: its clock and
    /// the own one may have the same fault.
    #[must_use]
    pub fn confirmed_now(&self) -> Option<SystemTime> {
        let Estimate { time, basis } = self.estimate(OwnTime::read());
        (basis == Basis::Aws || !self.awaits_check).then_some(time)
    }

    /// Returns the earliest time that it can be: [`Self::now`] if another clock confirms it.
    /// Otherwise that time and the own clock may both be 5 min ahead.
    #[must_use]
    pub fn earliest_now(&self) -> SystemTime {
        let own = OwnTime::read();
        let Estimate { time, basis } = self.estimate(own);
        if self.awaits_check && !basis.is_confirmed() {
            time.min(own.wall) - MAX_UNCONFIRMED_SKEW
        } else {
            time
        }
    }

    /// Returns AWS's time, or `None` if no recent response had it.
    #[must_use]
    pub fn aws_now(&self) -> Option<SystemTime> {
        let estimate = self.estimate(OwnTime::read());
        estimate.basis.is_of_aws().then_some(estimate.time)
    }

    /// Returns by how many seconds the own clock is ahead of `source`, by its latest reading;
    /// negative: behind.
    #[must_use]
    pub fn skew(&self, source: ClockSource) -> Option<f64> {
        let own = OwnTime::read();
        let time = self.readings.lock().time_of(source, own)?;
        Some(seconds_ahead(own.wall, time))
    }

    /// Returns the current time of `source`, or `None` if it is unknown.
    #[must_use]
    pub fn time_of(&self, source: ClockSource) -> Option<SystemTime> {
        self.readings.lock().time_of(source, OwnTime::read())
    }

    fn estimate(&self, own: OwnTime) -> Estimate {
        self.readings.lock().estimate(own)
    }
}

impl OwnTime {
    fn read() -> Self {
        Self {
            wall: wall_clock(),
            monotonic: Instant::now(),
        }
    }
}

/// Whether two clocks differ by no more than is tolerated.
#[must_use]
pub fn agree(one: SystemTime, other: SystemTime) -> bool {
    seconds_ahead(one, other).abs() <= TOLERATED_SKEW.as_secs_f64()
}

fn seconds_ahead(own: SystemTime, other: SystemTime) -> f64 {
    match own.duration_since(other) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}
