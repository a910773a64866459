//! How often a caller comes: arrivals a second, of late.
//!
//! A running mean that forgets by a factor of e each 10 s. A shorter memory takes
//! chance for a trend, and lets in who then waits in vain.
//!
//! An example: a caller comes once a second. Its rate nears 1; 10 s after it
//! stopped coming 0.37 is left of that, and from 30 s on nothing.

use std::time::Duration;

use tokio::time::Instant;

const MEMORY: Duration = Duration::from_secs(10);

/// Below this a caller is as good as gone.
const NEGLIGIBLE: Duration = Duration::from_secs(30);

/// Arrivals a second, of late.
#[derive(Clone, Debug)]
pub(super) struct ArrivalRate {
    per_second: f64,
    at: Instant,
}

impl ArrivalRate {
    /// Nobody came yet.
    pub(super) fn starting(now: Instant) -> Self {
        Self {
            per_second: 0.0,
            at: now,
        }
    }

    /// Counts an arrival.
    pub(super) fn count(&mut self, now: Instant) {
        self.per_second = self.per_second(now) + 1.0 / MEMORY.as_secs_f64();
        self.at = now;
    }

    /// Arrivals a second, as far as `now` still knows of them.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        if self.is_over(now) {
            return 0.0;
        }
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        self.per_second * (-age / MEMORY.as_secs_f64()).exp()
    }

    /// By how much chance varies what is seen of `per_second` arrivals a second: a
    /// standard deviation, where they are independent.
    pub(super) fn deviation_of(per_second: f64) -> f64 {
        (per_second / (2.0 * MEMORY.as_secs_f64())).sqrt()
    }

    /// Whether nobody came for so long that nobody is expected.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= NEGLIGIBLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_steady_rate_is_learned_and_forgotten() {
        let start = Instant::now();
        let mut rate = ArrivalRate::starting(start);
        let mut now = start;
        for _ in 0..500 {
            now += Duration::from_millis(200);
            rate.count(now);
        }
        assert!((rate.per_second(now) - 5.0).abs() < 0.1);
        let later = rate.per_second(now + MEMORY);
        assert!((later - 5.0 * (-1.0_f64).exp()).abs() < 0.1);
        assert!(rate.per_second(now + NEGLIGIBLE).abs() < f64::EPSILON);
    }

    #[tokio::test(start_paused = true)]
    async fn arrivals_at_random_are_seen_as_often_as_they_are_but_for_chance() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut rate = ArrivalRate::starting(Instant::now());
        let mut now = Instant::now();
        let mut beyond_two = 0;
        for _ in 0..20_000 {
            now += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / 4.0);
            rate.count(now);
            let off = rate.per_second(now) - 4.0;
            beyond_two += u32::from(off.abs() > 2.0 * ArrivalRate::deviation_of(4.0));
        }
        // Of a normal distribution 4.6 % lies there.
        assert!((400..1600).contains(&beyond_two), "{beyond_two} of 20000");
    }
}
