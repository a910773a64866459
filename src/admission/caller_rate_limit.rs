//! The most calls a second that one caller is given, even where quota is left.
//!
//! An example: a ceiling of 10 a second holds up to 2 calls (a fifth of a
//! second's), so an idle caller gets two at once and then one each 100 ms.

use std::time::Duration;

use tokio::time::Instant;

use super::clock::wait_of;

/// Rounding must not hold a call back that is due.
const EPSILON: f64 = 1e-6;

/// A token bucket that starts with one call.
#[derive(Debug)]
pub(super) struct CallerRateLimit {
    rate: f64,
    level: f64,
    at: Instant,
}

impl CallerRateLimit {
    pub(super) fn starting(now: Instant, rate: f64) -> Self {
        Self {
            rate,
            level: 1.0,
            at: now,
        }
    }

    /// The same ceiling at another rate; what was spent stays spent.
    pub(super) fn at_rate(self, now: Instant, rate: f64) -> Self {
        let level = self.level(now).min(capacity(rate));
        Self {
            rate,
            level,
            at: now,
        }
    }

    /// The calls that it would let through by `span` after `now`, in parts too.
    pub(super) fn allows_by(&self, now: Instant, span: Duration) -> f64 {
        self.level(now) + self.rate * span.as_secs_f64()
    }

    /// How long until it has let `calls` more through.
    pub(super) fn wait_for(&self, now: Instant, calls: usize) -> Duration {
        let missing = calls as f64 - self.level(now) - EPSILON;
        wait_of(missing / self.rate)
    }

    /// Takes a call; one that [`wait_for`](Self::wait_for) says is there.
    pub(super) fn spend(&mut self, now: Instant) {
        self.level = self.level(now) - 1.0;
        self.at = now;
    }

    fn level(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level + age * self.rate).min(capacity(self.rate))
    }
}

fn capacity(rate: f64) -> f64 {
    (rate / 5.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ceiling_holds_a_fifth_of_a_second_and_never_less_than_one() {
        let start = Instant::now();
        let idle = start + Duration::from_secs(60);
        for (rate, at_once) in [(10.0, 2), (1.0, 1), (0.1, 1)] {
            let mut ceiling = CallerRateLimit::starting(start, rate);
            for _ in 0..at_once {
                assert_eq!(ceiling.wait_for(idle, 1), Duration::ZERO);
                ceiling.spend(idle);
            }
            let wait = ceiling.wait_for(idle, 1).as_secs_f64();
            assert!((wait - 1.0 / rate).abs() < 1e-3, "{rate}: {wait}");
        }
    }
}
