//! The figures of one arm.

use std::fmt;
use std::time::Duration;

/// What the clients of one arm received, and what AWS saw.
pub(crate) struct Figures {
    /// Checks that finished.
    pub(crate) finished: usize,
    /// Final results that clients received before their sessions expired.
    pub(crate) delivered: usize,
    /// The times from the end of a check to its delivery, in order. A result that was not
    /// delivered has the longest possible time.
    delays: Vec<Duration>,
    pub(crate) calls: usize,
    pub(crate) throttled: usize,
}

impl Figures {
    /// Returns the figures of checks with these delays. `None`: not delivered.
    pub(crate) fn new(delays: &[Option<Duration>], (calls, throttled): (usize, usize)) -> Self {
        let longest = Duration::from_secs(180);
        let mut sorted: Vec<_> = delays.iter().map(|one| one.unwrap_or(longest)).collect();
        sorted.sort();
        Self {
            finished: delays.len(),
            delivered: delays.iter().flatten().count(),
            delays: sorted,
            calls,
            throttled,
        }
    }

    /// Returns a percentile of the delays, in seconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.delays.len() * percent).div_ceil(100);
        self.delays[rank - 1].as_secs_f64()
    }

    pub(crate) fn calls_per_finished_check(&self) -> f64 {
        self.calls as f64 / self.finished as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} results delivered, p50 {:.2} s, p99 {:.2} s, {:.2} calls for each finished \
             check, {} throttled",
            self.delivered,
            self.finished,
            self.percentile(50),
            self.percentile(99),
            self.calls_per_finished_check(),
            self.throttled
        )
    }
}
