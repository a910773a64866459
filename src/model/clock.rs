//! The wall clock, checked against the clocks of AWS and of the store.
//!
//! An observation pairs a time that another clock reported with the monotonic clock of
//! this process, so a later jump of the own wall clock shows at once. Only AWS's clock
//! corrects the own one: a wrong store would otherwise make every replica wrong.
//!
//! For example, the own clock is 200 s ahead, and ids of callers look 200 s old. The first
//! response of AWS has the `Date` of 200 s ago. From then on [`Clock::now`] returns AWS's
//! time, and the skew is +200 s.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::wall_clock;

/// Differences up to this are the resolution of `Date`, which is 1 s, and the network.
const TOLERATED_SKEW: Duration = Duration::from_secs(5);

/// The clock that an observation is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ClockSource {
    /// AWS, by the `Date` header of its responses.
    Aws,
    /// The store, by its command `TIME`.
    Store,
}

/// The wall clock and what is known of its skew. Clones share the observations.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    observations: Arc<Mutex<[Option<Observation>; 2]>>,
    awaits_check: bool,
}

/// The latest time of another clock.
#[derive(Clone, Copy, Debug)]
struct Observation {
    time: SystemTime,
    at: Instant,
    is_skewed: bool,
}

impl ClockSource {
    /// Returns the name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Clock {
    /// Returns a clock that is not confirmed until another clock was observed. The default
    /// clock is confirmed from the start.
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
        self.observe_at(source, time, (wall_clock(), Instant::now()));
    }

    /// Returns the current time: AWS's if it is known and the own clock differs, otherwise
    /// that of the own clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.corrected((wall_clock(), Instant::now()))
    }

    /// Returns the current time if it [is confirmed](Self::is_confirmed).
    #[must_use]
    pub fn confirmed_now(&self) -> Option<SystemTime> {
        self.is_confirmed().then(|| self.now())
    }

    /// Whether [`now`](Self::now) can be relied on: AWS's time is known, or the store's
    /// time agrees with the own clock.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        let own = (wall_clock(), Instant::now());
        let agrees = |skew: f64| skew.abs() <= TOLERATED_SKEW.as_secs_f64();
        !self.awaits_check
            || self.skew_at(ClockSource::Aws, own).is_some()
            || self.skew_at(ClockSource::Store, own).is_some_and(agrees)
    }

    /// Returns by how many seconds the own clock is ahead of `source`; negative: behind.
    #[must_use]
    pub fn skew(&self, source: ClockSource) -> Option<f64> {
        self.skew_at(source, (wall_clock(), Instant::now()))
    }

    /// Returns the current time of `source`, or `None` if it was not observed.
    #[must_use]
    pub fn time_of(&self, source: ClockSource) -> Option<SystemTime> {
        self.time_at(source, Instant::now())
    }

    fn observe_at(&self, source: ClockSource, time: SystemTime, own: (SystemTime, Instant)) {
        let skew = seconds_ahead(own.0, time);
        let is_skewed = skew.abs() > TOLERATED_SKEW.as_secs_f64();
        let observation = Observation {
            time,
            at: own.1,
            is_skewed,
        };
        let before = self.observations.lock()[source as usize].replace(observation);
        let was_skewed = before.is_some_and(|before| before.is_skewed);
        let (source, seconds) = (source.as_str(), skew.round());
        if is_skewed && !was_skewed {
            warn!(source, seconds, "clock skew, check the clock of this node");
        } else if was_skewed && !is_skewed {
            info!(source, seconds, "clock skew ended");
        }
    }

    fn corrected(&self, own: (SystemTime, Instant)) -> SystemTime {
        match self.time_at(ClockSource::Aws, own.1) {
            Some(time) if seconds_ahead(own.0, time).abs() > TOLERATED_SKEW.as_secs_f64() => time,
            _ => own.0,
        }
    }

    fn skew_at(&self, source: ClockSource, own: (SystemTime, Instant)) -> Option<f64> {
        let time = self.time_at(source, own.1)?;
        Some(seconds_ahead(own.0, time))
    }

    /// Returns the time of `source` at `now`.
    fn time_at(&self, source: ClockSource, now: Instant) -> Option<SystemTime> {
        let observation = self.observations.lock()[source as usize]?;
        Some(observation.time + now.saturating_duration_since(observation.at))
    }
}

fn seconds_ahead(own: SystemTime, other: SystemTime) -> f64 {
    match own.duration_since(other) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn aws_corrects_a_clock_that_is_wrong_by_more_than_a_few_seconds() {
        let (clock, now) = (Clock::awaiting_check(), Instant::now());
        let time = SystemTime::UNIX_EPOCH + 2_000_000_000 * SECOND;
        assert!(!clock.is_confirmed());
        clock.observe_at(ClockSource::Aws, time, (time + 3 * SECOND, now));
        assert!(clock.is_confirmed());
        let own = (time + 13 * SECOND, now + 10 * SECOND);
        assert_eq!(clock.corrected(own), own.0, "3 s are tolerated");
        let jumped = (time + 210 * SECOND, now + 10 * SECOND);
        assert_eq!(clock.corrected(jumped), time + 10 * SECOND);
        assert_eq!(clock.skew_at(ClockSource::Aws, jumped), Some(200.0));
        let behind = (time - 190 * SECOND, now + 10 * SECOND);
        assert_eq!(clock.corrected(behind), time + 10 * SECOND);
        assert_eq!(clock.skew_at(ClockSource::Aws, behind), Some(-200.0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_confirms_the_clock_and_never_corrects_it() {
        let clock = Clock::awaiting_check();
        let own = (wall_clock(), Instant::now());
        clock.observe_at(ClockSource::Store, own.0 - 200 * SECOND, own);
        assert_eq!(clock.corrected(own), own.0);
        assert!(!clock.is_confirmed(), "one of the two clocks is wrong");
        clock.observe_at(ClockSource::Store, own.0, own);
        assert!(clock.is_confirmed());
        assert!(Clock::default().is_confirmed());
    }
}
