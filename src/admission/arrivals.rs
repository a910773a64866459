//! The recent arrival rate of one caller.
//!
//! It is an exponentially weighted moving average
//! ([EWMA](https://en.wikipedia.org/wiki/Exponential_smoothing)) with a time constant
//! of 10 s. A shorter one takes chance for a trend, and admits requests that then
//! wait in vain.
//!
//! For example, a caller sends one request a second, so its rate approaches 1. When
//! it stops, 0.37 of the rate is left after 10 s, and the rate is 0 from 30 s on.

use std::time::Duration;

use tokio::time::Instant;

const TIME_CONSTANT: Duration = Duration::from_secs(10);

/// A caller without an arrival for so long counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(30);

/// Recent arrivals a second.
#[derive(Clone, Debug)]
pub(super) struct ArrivalRate {
    per_second: f64,
    last_arrival: Instant,
}

impl ArrivalRate {
    /// A rate of 0.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            per_second: 0.0,
            last_arrival: now,
        }
    }

    /// Counts an arrival.
    pub(super) fn record(&mut self, now: Instant) {
        self.per_second = self.per_second(now) + 1.0 / TIME_CONSTANT.as_secs_f64();
        self.last_arrival = now;
    }

    /// Returns the arrivals a second, decayed to `now`.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        if self.is_idle(now) {
            return 0.0;
        }
        let age = now.saturating_duration_since(self.last_arrival);
        self.per_second * (-age.as_secs_f64() / TIME_CONSTANT.as_secs_f64()).exp()
    }

    /// Returns the standard deviation of the average when independent requests
    /// arrive at `per_second`.
    pub(super) fn standard_deviation(per_second: f64) -> f64 {
        (per_second / (2.0 * TIME_CONSTANT.as_secs_f64())).sqrt()
    }

    /// Returns whether the last arrival is so old that none is expected.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_arrival) >= IDLE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_average_converges_to_a_steady_rate_and_decays_after_it() {
        let start = Instant::now();
        let mut rate = ArrivalRate::new(start);
        let mut now = start;
        for _ in 0..500 {
            now += Duration::from_millis(200);
            rate.record(now);
        }
        assert!((rate.per_second(now) - 5.0).abs() < 0.1);
        let later = rate.per_second(now + TIME_CONSTANT);
        assert!((later - 5.0 * (-1.0_f64).exp()).abs() < 0.1);
        assert!(rate.per_second(now + IDLE_AFTER).abs() < f64::EPSILON);
    }

    #[tokio::test(start_paused = true)]
    async fn poisson_arrivals_deviate_as_the_standard_deviation_says() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut rate = ArrivalRate::new(Instant::now());
        let mut now = Instant::now();
        let mut beyond_two = 0;
        for _ in 0..20_000 {
            now += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / 4.0);
            rate.record(now);
            let error = rate.per_second(now) - 4.0;
            beyond_two += u32::from(error.abs() > 2.0 * ArrivalRate::standard_deviation(4.0));
        }
        // In a normal distribution 4.6 % lie beyond two standard deviations.
        assert!((400..1600).contains(&beyond_two), "{beyond_two} of 20000");
    }
}
