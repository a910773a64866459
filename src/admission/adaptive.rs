//! How much of the configured rate to use while others spend the same quota.
//!
//! A value that is told what happened and says the factor; it reads no clock and
//! knows no bucket. A throttled attempt cuts the factor to 0.95 of what it is,
//! once for each epoch of 500 ms however many were throttled in it; each 250 ms
//! it climbs by 0.001, up to 1. It never falls below 0.05.
//!
//! An example: at factor 1 three attempts are throttled within 500 ms: 0.95.
//! Nothing more is throttled: 12.5 s later it is 1 again.
//!
//! What it will be is another thing: where it was cut of late, whoever else spends
//! the quota is still there, and it will be cut again. So the factor to *expect*
//! is, for 15 s, what it was cut to: 0.95 in the example.
//!
//! Cutting to what was *delivered* instead collapses on a small quota, where
//! 500 ms deliver one call, or none.

use std::time::Duration;

use tokio::time::Instant;

const EPOCH: Duration = Duration::from_millis(500);
const CUT: f64 = 0.95;
const FLOOR: f64 = 0.05;
const CLIMB_EACH: Duration = Duration::from_millis(250);
const CLIMB: f64 = 0.001;

/// How long a cut is taken to foretell the next.
const FORETELLS: Duration = Duration::from_secs(15);

/// The share of the configured rate in use: 0.05 to 1.
#[derive(Clone, Debug)]
pub(super) struct AdaptiveFactor {
    factor: f64,
    cut: Option<Cut>,
    climbed_at: Instant,
}

/// The last cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Instant,
    to: f64,
}

impl AdaptiveFactor {
    pub(super) fn starting(now: Instant) -> Self {
        Self {
            factor: 1.0,
            cut: None,
            climbed_at: now,
        }
    }

    /// The factor as of the last call.
    pub(super) fn get(&self) -> f64 {
        self.factor
    }

    /// The factor to expect in the seconds that come: never above the present one.
    pub(super) fn expected(&self, now: Instant) -> f64 {
        let foretelling = self
            .cut
            .filter(|cut| now.saturating_duration_since(cut.at) < FORETELLS);
        foretelling.map_or(self.factor, |cut| cut.to.min(self.factor))
    }

    /// An attempt that had been sent by `now` was throttled.
    pub(super) fn throttled(&mut self, now: Instant) {
        self.climb(now);
        let same_epoch = self
            .cut
            .is_some_and(|cut| now.saturating_duration_since(cut.at) < EPOCH);
        if !same_epoch {
            self.factor = (self.factor * CUT).max(FLOOR);
            self.cut = Some(Cut {
                at: now,
                to: self.factor,
            });
        }
    }

    /// Goes by what others have cut it to, so long ago.
    pub(super) fn follow(&mut self, factor: f64, age: Duration, now: Instant) {
        self.factor = factor.clamp(FLOOR, 1.0);
        self.climbed_at = now.checked_sub(age).unwrap_or(now);
        if self.factor < 1.0 {
            self.cut = Some(Cut {
                at: self.climbed_at,
                to: self.factor,
            });
        }
        self.climb(now);
    }

    /// Climbs by what the time since the last climb allows.
    pub(super) fn climb(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.climbed_at);
        let steps = since.as_millis() / CLIMB_EACH.as_millis();
        self.climbed_at += CLIMB_EACH * u32::try_from(steps).unwrap_or(u32::MAX);
        self.factor = (self.factor + CLIMB * steps as f64).min(1.0);
    }

    /// When there is something to climb, and the next step is due.
    pub(super) fn next_climb(&self) -> Option<Instant> {
        (self.factor < 1.0).then(|| self.climbed_at + CLIMB_EACH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn one_epoch_cuts_once_however_many_are_throttled() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::starting(start);
        for at in 0..100 {
            factor.throttled(start + at * MS);
        }
        assert!((factor.get() - 0.95).abs() < 1e-9);
        factor.throttled(start + 500 * MS);
        assert!(
            (factor.get() - (0.952 * 0.95)).abs() < 1e-9,
            "climbed twice, then cut"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_is_climbed_back_in_twelve_and_a_half_seconds() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::starting(start);
        factor.throttled(start);
        factor.climb(start + 12_000 * MS);
        assert!(factor.get() < 1.0 && factor.next_climb().is_some());
        factor.climb(start + 12_500 * MS);
        assert!((factor.get() - 1.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_is_expected_to_come_again_for_fifteen_seconds() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::starting(start);
        assert!((factor.expected(start) - 1.0).abs() < 1e-9);
        factor.throttled(start);
        factor.climb(start + 14_900 * MS);
        assert!((factor.get() - 1.0).abs() < 1e-9);
        assert!((factor.expected(start + 14_900 * MS) - 0.95).abs() < 1e-9);
        assert!((factor.expected(start + 15_000 * MS) - 1.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_of_another_replica_counts_as_of_when_it_was_made() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::starting(start);
        let later = start + 10_000 * MS;
        factor.follow(0.5, 5_000 * MS, later);
        assert!((factor.get() - 0.52).abs() < 1e-9);
        assert!((factor.expected(later) - 0.5).abs() < 1e-9);
        assert!((factor.expected(later + 10_000 * MS) - 0.52).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn the_factor_stays_between_its_bounds_whatever_happens() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::starting(start);
        for epoch in 0..1000 {
            factor.throttled(start + epoch * 500 * MS);
        }
        assert!(factor.get() >= FLOOR && factor.get() < 0.1);
        factor.climb(start + Duration::from_secs(1_000_000));
        assert!((factor.get() - 1.0).abs() < 1e-9 && factor.next_climb().is_none());
    }
}
