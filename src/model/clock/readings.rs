//! The times that AWS and the store reported, and the time that follows from them: a pure
//! value, which reads no clock.
//!
//! The time is confirmed while two readings agree: the own clock and a response of AWS, two
//! successive responses of AWS against the own clock, or the own clock and the store. So
//! one wrong response confirms nothing, and it replaces no confirmed time. A reading counts
//! for [`VALID_FOR`], and only while the wall clock and the monotonic clock advance alike:
//! the monotonic clock stands still while a machine is suspended, and a wall clock can be
//! set. After that, the own clock counts, unconfirmed.
//!
//! For example, a virtual machine is suspended for an hour. After it the wall clock is right,
//! and the reading before it, advanced by the monotonic clock, is an hour late. The reading no
//! longer counts, and the next response of AWS agrees with the wall clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{ClockSource, MAX_UNCONFIRMED_SKEW, agree, seconds_ahead};

/// How long a reading counts. A wrong time that two responses confirmed ends after this at
/// the latest, without another response.
pub(super) const VALID_FOR: Duration = Duration::from_secs(60);

/// The largest skew that is corrected. A clock in another time zone is wrong by up to 14 h;
/// beyond a day, the response or the clock is broken.
pub(super) const MAX_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// The clocks of this process, read together.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnTime {
    pub(super) wall: SystemTime,
    pub(super) monotonic: Instant,
}

/// The readings of the other clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockReadings {
    /// The latest reading of each [`ClockSource`].
    latest: [Option<Reading>; 2],
    /// The latest reading of AWS that another one confirms.
    confirmed: Option<Reading>,
}

/// The current time, and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) time: SystemTime,
    pub(super) basis: Basis,
}

/// What an [`Estimate`] relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The own clock alone.
    OwnClock,
    /// The own clock, which agrees with the store's.
    Store,
    /// One response of AWS, which differs from the own clock.
    OneResponse,
    /// AWS's clock, confirmed.
    Aws,
}

/// How far the own clock differs from a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SkewClass {
    /// Within the resolution of the reading.
    #[default]
    Negligible,
    /// Up to [`MAX_SKEW`].
    Skewed,
    /// More than [`MAX_SKEW`].
    Implausible,
}

/// A time that another clock reported.
#[derive(Clone, Copy, Debug)]
struct Reading {
    time: SystemTime,
    own: OwnTime,
}

impl Basis {
    pub(super) fn is_confirmed(self) -> bool {
        matches!(self, Self::Store | Self::Aws)
    }

    pub(super) fn is_of_aws(self) -> bool {
        matches!(self, Self::OneResponse | Self::Aws)
    }
}

impl ClockReadings {
    /// Records that `source` reported `time` at `own`. Returns the classes of the skew before
    /// and now.
    pub(super) fn observe(
        &mut self,
        source: ClockSource,
        time: SystemTime,
        own: OwnTime,
    ) -> (SkewClass, SkewClass) {
        let reading = Reading { time, own };
        let before = self.latest[source as usize].replace(reading);
        let agrees = |other: Option<Reading>| {
            let other = other.and_then(|other| other.time_at(own));
            other.is_some_and(|other| agree(other, time))
        };
        let class = reading.skew_class();
        let is_confirmed = agree(own.wall, time) || agrees(self.confirmed) || agrees(before);
        if source == ClockSource::Aws && is_confirmed && class != SkewClass::Implausible {
            self.confirmed = Some(reading);
        }
        (before.map(|it| it.skew_class()).unwrap_or_default(), class)
    }

    /// Returns the best estimate of the time at `own`.
    pub(super) fn estimate(&self, own: OwnTime) -> Estimate {
        let valid = |reading: Option<Reading>| {
            let reading = reading.filter(|reading| reading.age(own) <= VALID_FOR);
            reading.and_then(|reading| reading.time_at(own))
        };
        let [aws, store] = self.latest.map(valid);
        let is_near =
            |time| seconds_ahead(own.wall, time).abs() <= MAX_UNCONFIRMED_SKEW.as_secs_f64();
        let (time, basis) = match (valid(self.confirmed), aws, store) {
            (Some(time), ..) if agree(own.wall, time) => (own.wall, Basis::Aws),
            (Some(time), ..) => (time, Basis::Aws),
            (_, Some(time), _) if is_near(time) => (time, Basis::OneResponse),
            (_, None, Some(time)) if agree(own.wall, time) => (own.wall, Basis::Store),
            _ => (own.wall, Basis::OwnClock),
        };
        Estimate { time, basis }
    }

    /// Returns the current time of `source`, or `None` if it is unknown.
    pub(super) fn time_of(&self, source: ClockSource, own: OwnTime) -> Option<SystemTime> {
        self.latest[source as usize]?.time_at(own)
    }
}

impl Reading {
    fn age(&self, own: OwnTime) -> Duration {
        own.monotonic.saturating_duration_since(self.own.monotonic)
    }

    /// Returns the time of the other clock at `own`, unless the wall clock was set, or the
    /// machine suspended, after the reading.
    fn time_at(&self, own: OwnTime) -> Option<SystemTime> {
        let age = self.age(own);
        agree(self.own.wall + age, own.wall).then(|| self.time + age)
    }

    fn skew_class(&self) -> SkewClass {
        let skew = seconds_ahead(self.own.wall, self.time).abs();
        if agree(self.own.wall, self.time) {
            SkewClass::Negligible
        } else if skew <= MAX_SKEW.as_secs_f64() {
            SkewClass::Skewed
        } else {
            SkewClass::Implausible
        }
    }
}

#[cfg(test)]
mod tests;
