//! The recent arrival rate of one caller.
//!
//! It is an exponentially weighted moving average
//! ([EWMA](https://en.wikipedia.org/wiki/Exponential_smoothing)) with a time constant
//! of 10 s. A shorter one takes chance for a trend, and admits requests that then
//! wait in vain. The average of a new caller is divided by the weight of the time in which
//! it was observed, as in
//! [Adam](https://arxiv.org/abs/1412.6980), because it starts at 0.
//!
//! For example, a caller sends one request a second, so its rate approaches 1: after 3 s it
//! is 0.88, and would be 0.35 without the correction. When it stops, 0.37 of the rate is left
//! after 10 s, and the rate is 0 from 30 s on.

use std::time::Duration;

use tokio::time::Instant;

const TIME_CONSTANT: Duration = Duration::from_secs(10);

/// By how much the time of observation is overstated: with 0 s, the first call of a caller
/// would be an infinite rate. With 1 s, fewer than 99.9 % are served at 0.8 of the quota of 5.
/// Without the correction, 10 % of the calls in the first 15 s of twice the quota fail slowly:
/// `few_calls_fail_slowly_while_the_load_starts`.
const HEAD_START: Duration = Duration::from_secs(2);

/// A caller without an arrival for so long counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(30);

/// Recent arrivals a second.
#[derive(Clone, Debug)]
pub(super) struct ArrivalRate {
    /// The average over all time, as if there were no arrivals before `since`.
    average: f64,
    since: Instant,
    last_arrival: Instant,
}

impl ArrivalRate {
    /// A rate of 0.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            average: 0.0,
            since: now,
            last_arrival: now,
        }
    }

    /// Counts an arrival.
    pub(super) fn record(&mut self, now: Instant) {
        if self.is_idle(now) {
            *self = Self::new(now);
        }
        self.average = self.decayed(now) + 1.0 / TIME_CONSTANT.as_secs_f64();
        self.last_arrival = now;
    }

    /// Returns the arrivals a second.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        if self.is_idle(now) {
            return 0.0;
        }
        let observed = now.saturating_duration_since(self.since) + HEAD_START;
        self.decayed(now) / (1.0 - weight_after(observed))
    }

    /// Returns the average, decayed to `now`.
    fn decayed(&self, now: Instant) -> f64 {
        self.average * weight_after(now.saturating_duration_since(self.last_arrival))
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

/// Returns the weight of an arrival in the average after `age`.
fn weight_after(age: Duration) -> f64 {
    (-age.as_secs_f64() / TIME_CONSTANT.as_secs_f64()).exp()
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
    async fn the_rate_of_a_new_caller_is_not_underestimated() {
        let start = Instant::now();
        let mut rate = ArrivalRate::new(start);
        for second in 0..=3 {
            rate.record(start + Duration::from_secs(second));
        }
        let estimate = rate.per_second(start + Duration::from_secs(3));
        assert!((0.7..1.3).contains(&estimate), "{estimate}");
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
