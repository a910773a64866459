//! Percentiles of the recent attempts' durations.
//!
//! A sliding window of 30 s, as six histograms of 5 s each. The buckets grow
//! exponentially, each a tenth wider than the one before, from 1 ms to over a minute.
//! A percentile is therefore at most a tenth too high, and never too low.
//!
//! For example, after 99 attempts of 100 ms and one of 2 s the 50th and the 99th
//! percentile are about 107 ms. With two attempts of 2 s the 99th is about 2.05 s.

use std::time::Duration;

use tokio::time::Instant;

const WINDOWS: usize = 6;
const WINDOW: Duration = Duration::from_secs(5);
const BUCKETS: usize = 120;
const GROWTH: f64 = 1.1;

/// The attempts of the last 30 s.
#[derive(Debug)]
pub(super) struct Latencies {
    windows: [Histogram; WINDOWS],
    /// The sum of all windows.
    total: Histogram,
    /// The number of the current window since the start.
    current: u64,
    started: Instant,
}

type Histogram = [u32; BUCKETS];

impl Latencies {
    /// The assumed duration of an attempt while there are none in the window. With 0
    /// `a_request_that_does_not_fit_is_refused_at_once_with_a_retry_delay` fails.
    pub(super) const DEFAULT: Duration = Duration::from_millis(300);

    pub(super) fn new(now: Instant) -> Self {
        Self {
            windows: [[0; BUCKETS]; WINDOWS],
            total: [0; BUCKETS],
            current: 0,
            started: now,
        }
    }

    /// Records an attempt that ended at `now`.
    pub(super) fn record(&mut self, now: Instant, took: Duration) {
        self.expire(now);
        let bucket = bucket(took);
        self.windows[self.current as usize % WINDOWS][bucket] += 1;
        self.total[bucket] += 1;
    }

    /// Returns the duration that `share` of the attempts (above 0, at most 1) did not
    /// exceed, or [`DEFAULT`](Self::DEFAULT) where there were none.
    pub(super) fn percentile(&mut self, now: Instant, share: f64) -> Duration {
        self.expire(now);
        let attempts: u32 = self.total.iter().sum();
        let rank = (f64::from(attempts) * share).ceil() as u32;
        let mut counted = 0;
        for (index, count) in self.total.iter().enumerate() {
            counted += count;
            if counted >= rank && counted > 0 {
                return upper_bound(index);
            }
        }
        Self::DEFAULT
    }

    /// Empties the windows that have left the last 30 s.
    fn expire(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.started);
        let number = age.as_secs() / WINDOW.as_secs();
        let passed = number.saturating_sub(self.current).min(WINDOWS as u64);
        for back in 0..passed {
            let window = &mut self.windows[(number - back) as usize % WINDOWS];
            for (total, count) in self.total.iter_mut().zip(window) {
                *total -= std::mem::take(count);
            }
        }
        self.current = self.current.max(number);
    }
}

fn bucket(took: Duration) -> usize {
    let millis = (took.as_secs_f64() * 1000.0).max(1.0);
    (millis.log(GROWTH).ceil() as usize).min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> Duration {
    Duration::from_secs_f64(GROWTH.powi(bucket as i32) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_percentile_is_never_too_low_and_at_most_a_tenth_too_high() {
        let now = Instant::now();
        let mut latencies = Latencies::new(now);
        for took in 1..=1000 {
            latencies.record(now, took * MS);
        }
        for (share, exact) in [(0.5, 500 * MS), (0.99, 990 * MS), (1.0, 1000 * MS)] {
            let estimate = latencies.percentile(now, share);
            assert!(
                estimate >= exact && estimate <= exact.mul_f64(1.101),
                "{share}: {estimate:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_older_than_thirty_seconds_do_not_count() {
        let start = Instant::now();
        let mut latencies = Latencies::new(start);
        assert_eq!(latencies.percentile(start, 0.99), Latencies::DEFAULT);
        latencies.record(start, 2000 * MS);
        let late = start + Duration::from_secs(29);
        assert!(latencies.percentile(late, 0.99) >= 2000 * MS);
        latencies.record(late, 10 * MS);
        let later = start + Duration::from_secs(31);
        assert!(latencies.percentile(later, 0.99) < 12 * MS);
        assert_eq!(
            latencies.percentile(start + 90_000 * MS, 0.99),
            Latencies::DEFAULT
        );
    }
}
