//! The adaptive factor: how much of the configured rate to use while other clients
//! spend the same quota.
//!
//! The factor follows additive increase, multiplicative decrease
//! ([AIMD](https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease)).
//! A throttled attempt cuts the factor to 0.95 of its value, once for each epoch of
//! 500 ms, however many attempts are throttled in it. Every 250 ms the factor increases
//! by 0.001, up to 1. It never falls below 0.05. It reads no clock and knows no bucket.
//!
//! For example, three attempts are throttled within 500 ms at factor 1, which cuts it
//! to 0.95. Without further throttling it is 1 again 12.5 s later.
//!
//! After a cut the other clients probably still spend the quota, and will cause another
//! cut. The *expected* factor therefore stays at the value of the last cut for 15 s:
//! 0.95 in the example.
//!
//! Cutting to the *delivered* rate instead collapses on a small quota, where 500 ms
//! deliver one call, or none.

use std::time::Duration;

use tokio::time::Instant;

const EPOCH: Duration = Duration::from_millis(500);
const CUT_RATIO: f64 = 0.95;
const MIN_FACTOR: f64 = 0.05;
const INCREASE_INTERVAL: Duration = Duration::from_millis(250);
const INCREASE_STEP: f64 = 0.001;

/// How long another cut to the same factor is expected after a cut.
const EXPECT_CUT_FOR: Duration = Duration::from_secs(15);

/// The share of the configured rate in use: 0.05 to 1.
#[derive(Clone, Debug)]
pub(super) struct AdaptiveFactor {
    factor: f64,
    last_cut: Option<Cut>,
    increased_at: Instant,
}

/// A multiplicative decrease.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Instant,
    to: f64,
}

impl AdaptiveFactor {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            factor: 1.0,
            last_cut: None,
            increased_at: now,
        }
    }

    /// Returns the factor as of the last call.
    pub(super) fn get(&self) -> f64 {
        self.factor
    }

    /// Returns the factor to expect in the next seconds, at most the current one.
    pub(super) fn expected(&self, now: Instant) -> f64 {
        let recent_cut = self
            .last_cut
            .filter(|cut| now.saturating_duration_since(cut.at) < EXPECT_CUT_FOR);
        recent_cut.map_or(self.factor, |cut| cut.to.min(self.factor))
    }

    /// Records that an attempt was throttled.
    pub(super) fn record_throttle(&mut self, now: Instant) {
        self.increase(now);
        let same_epoch = self
            .last_cut
            .is_some_and(|cut| now.saturating_duration_since(cut.at) < EPOCH);
        if !same_epoch {
            self.factor = (self.factor * CUT_RATIO).max(MIN_FACTOR);
            self.last_cut = Some(Cut {
                at: now,
                to: self.factor,
            });
        }
    }

    /// Sets the factor to that of the store, which was cut `age` ago.
    pub(super) fn set(&mut self, factor: f64, age: Duration, now: Instant) {
        self.factor = factor.clamp(MIN_FACTOR, 1.0);
        self.increased_at = now.checked_sub(age).unwrap_or(now);
        if self.factor < 1.0 {
            self.last_cut = Some(Cut {
                at: self.increased_at,
                to: self.factor,
            });
        }
        self.increase(now);
    }

    /// Applies the additive increases that are due.
    pub(super) fn increase(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.increased_at);
        let steps = since.as_millis() / INCREASE_INTERVAL.as_millis();
        self.increased_at += INCREASE_INTERVAL * u32::try_from(steps).unwrap_or(u32::MAX);
        self.factor = (self.factor + INCREASE_STEP * steps as f64).min(1.0);
    }

    /// Returns when the next increase is due; `None` at factor 1.
    pub(super) fn next_increase(&self) -> Option<Instant> {
        (self.factor < 1.0).then(|| self.increased_at + INCREASE_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn throttles_cut_the_factor_once_in_each_epoch() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::new(start);
        for at in 0..100 {
            factor.record_throttle(start + at * MS);
        }
        assert!((factor.get() - 0.95).abs() < 1e-9);
        factor.record_throttle(start + 500 * MS);
        assert!(
            (factor.get() - (0.952 * 0.95)).abs() < 1e-9,
            "two increases, then a cut"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_factor_recovers_from_a_cut_in_twelve_and_a_half_seconds() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::new(start);
        factor.record_throttle(start);
        factor.increase(start + 12_000 * MS);
        assert!(factor.get() < 1.0 && factor.next_increase().is_some());
        factor.increase(start + 12_500 * MS);
        assert!((factor.get() - 1.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn another_cut_is_expected_for_fifteen_seconds() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::new(start);
        assert!((factor.expected(start) - 1.0).abs() < 1e-9);
        factor.record_throttle(start);
        factor.increase(start + 14_900 * MS);
        assert!((factor.get() - 1.0).abs() < 1e-9);
        assert!((factor.expected(start + 14_900 * MS) - 0.95).abs() < 1e-9);
        assert!((factor.expected(start + 15_000 * MS) - 1.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_by_another_replica_counts_from_its_own_time() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::new(start);
        let later = start + 10_000 * MS;
        factor.set(0.5, 5_000 * MS, later);
        assert!((factor.get() - 0.52).abs() < 1e-9);
        assert!((factor.expected(later) - 0.5).abs() < 1e-9);
        assert!((factor.expected(later + 10_000 * MS) - 0.52).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn the_factor_stays_within_its_bounds() {
        let start = Instant::now();
        let mut factor = AdaptiveFactor::new(start);
        for epoch in 0..1000 {
            factor.record_throttle(start + epoch * 500 * MS);
        }
        assert!(factor.get() >= MIN_FACTOR && factor.get() < 0.1);
        factor.increase(start + Duration::from_secs(1_000_000));
        assert!((factor.get() - 1.0).abs() < 1e-9 && factor.next_increase().is_none());
    }
}
