//! How soon the rate adapts to another tenant that starts to use the quota.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::upstream::Upstream;

const BIN: Duration = Duration::from_millis(100);
const BINS_IN_A_SECOND: usize = 10;
const SECONDS: usize = 60;
/// How long after the first throttled attempt the rate must have adapted.
const ADAPTED_WITHIN: usize = 5 * BINS_IN_A_SECOND;

/// The throttled attempts of each tenth of a second since another tenant started.
pub(crate) struct Throttles(Vec<u64>);

impl Throttles {
    pub(crate) const SPAN: Duration = Duration::from_secs(SECONDS as u64);

    /// Counts for [`SPAN`](Self::SPAN).
    pub(crate) async fn count(upstream: &Upstream) -> Self {
        let start = Instant::now();
        let mut bins = Vec::new();
        let mut before = upstream.counts().throttled;
        for bin in 1..=SECONDS * BINS_IN_A_SECOND {
            sleep_until(start + BIN * bin as u32).await;
            let throttled = upstream.counts().throttled;
            bins.push(throttled - before);
            before = throttled;
        }
        Self(bins)
    }

    /// Returns how many attempts were throttled in the 5 s from the first one on.
    pub(crate) fn until_adapted(&self) -> u64 {
        let from_first = self.0.iter().skip_while(|count| **count == 0);
        from_first.take(ADAPTED_WITHIN).sum()
    }
}

/// The throttled attempts of several runs: a row of the table.
pub(crate) struct Convergence(pub(crate) Vec<Throttles>);

impl Convergence {
    /// Returns the mean number of attempts that were throttled in the 5 s from the
    /// first one on.
    pub(crate) fn until_adapted(&self) -> f64 {
        let sum: u64 = self.0.iter().map(Throttles::until_adapted).sum();
        sum as f64 / self.0.len() as f64
    }

    /// Returns the mean number of throttled attempts in these seconds.
    fn mean(&self, seconds: std::ops::Range<usize>) -> f64 {
        let bins = seconds.start * BINS_IN_A_SECOND..seconds.end * BINS_IN_A_SECOND;
        let runs = self.0.iter();
        let sum: u64 = runs
            .map(|run| run.0[bins.clone()].iter().sum::<u64>())
            .sum();
        sum as f64 / self.0.len() as f64
    }
}

impl fmt::Display for Convergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for second in 0..10 {
            write!(f, "{:>4.1} | ", self.mean(second..second + 1))?;
        }
        let most = self.0.iter().map(Throttles::until_adapted).max();
        let first = self.mean(0..10);
        let rest = self.mean(10..SECONDS);
        let adapted = self.until_adapted();
        let most = most.unwrap_or_default();
        write!(f, "{first:>6.1} | {rest:>7.1} | {adapted:>9.1} | {most:>4}")
    }
}
