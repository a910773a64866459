//! How long attempts take of late: what a typical one must be left.
//!
//! Durations are counted in buckets that each are a tenth wider than the one
//! before, from 1 ms to over a minute, so a percentile is at most a tenth too
//! high. Six windows of 5 s take turns: what is older than 30 s is forgotten.
//!
//! An example: 99 attempts of 100 ms and one of 2 s in the last 30 s: the 50th
//! percentile is about 105 ms, the 99th too; with two of 2 s the 99th is about 2.1 s.

use std::time::Duration;

use tokio::time::Instant;

const WINDOWS: usize = 6;
const WINDOW: Duration = Duration::from_secs(5);
const BUCKETS: usize = 120;
const GROWTH: f64 = 1.1;

/// The attempts of the last 30 s.
#[derive(Debug)]
pub(super) struct Latencies {
    windows: [Counts; WINDOWS],
    /// All windows together.
    sum: Counts,
    /// The number of the window that is counted in, from the start.
    current: u64,
    started: Instant,
}

type Counts = [u32; BUCKETS];

impl Latencies {
    /// What an attempt is taken to need while none has been seen.
    pub(super) const UNKNOWN: Duration = Duration::from_millis(300);

    pub(super) fn starting(now: Instant) -> Self {
        Self {
            windows: [[0; BUCKETS]; WINDOWS],
            sum: [0; BUCKETS],
            current: 0,
            started: now,
        }
    }

    /// Counts an attempt that ended at `now`.
    pub(super) fn record(&mut self, now: Instant, took: Duration) {
        self.forget(now);
        let bucket = bucket(took);
        self.windows[self.current as usize % WINDOWS][bucket] += 1;
        self.sum[bucket] += 1;
    }

    /// The duration that `share` of the attempts (above 0, at most 1) did not
    /// exceed; [`UNKNOWN`](Self::UNKNOWN) where there were none.
    pub(super) fn percentile(&mut self, now: Instant, share: f64) -> Duration {
        self.forget(now);
        let total: u32 = self.sum.iter().sum();
        let rank = (f64::from(total) * share).ceil() as u32;
        let mut seen = 0;
        for (index, count) in self.sum.iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return upper_bound(index);
            }
        }
        Self::UNKNOWN
    }

    /// Empties the windows whose turn has come since the last call.
    fn forget(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.started);
        let number = age.as_secs() / WINDOW.as_secs();
        let passed = number.saturating_sub(self.current).min(WINDOWS as u64);
        for turn in 0..passed {
            let window = &mut self.windows[(number - turn) as usize % WINDOWS];
            for (sum, count) in self.sum.iter_mut().zip(window) {
                *sum -= std::mem::take(count);
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
        let mut latencies = Latencies::starting(now);
        for took in 1..=1000 {
            latencies.record(now, took * MS);
        }
        for (share, exact) in [(0.5, 500 * MS), (0.99, 990 * MS), (1.0, 1000 * MS)] {
            let seen = latencies.percentile(now, share);
            assert!(
                seen >= exact && seen <= exact.mul_f64(1.101),
                "{share}: {seen:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_thirty_seconds_is_forgotten() {
        let start = Instant::now();
        let mut latencies = Latencies::starting(start);
        assert_eq!(latencies.percentile(start, 0.99), Latencies::UNKNOWN);
        latencies.record(start, 2000 * MS);
        let late = start + Duration::from_secs(29);
        assert!(latencies.percentile(late, 0.99) >= 2000 * MS);
        latencies.record(late, 10 * MS);
        let later = start + Duration::from_secs(31);
        assert!(latencies.percentile(later, 0.99) < 12 * MS);
        assert_eq!(
            latencies.percentile(start + 90_000 * MS, 0.99),
            Latencies::UNKNOWN
        );
    }
}
