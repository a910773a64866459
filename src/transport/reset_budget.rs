//! How often a peer may give its calls up: the measure against rapid resets.
//!
//! A call that is begun and reset costs the peer two frames and us a task. An
//! honest client gives up all its calls at once when a deadline passes, and then
//! no more for a while. So there are as many resets as twice the calls that a
//! connection may have, and a tenth of those again each second. An example: with
//! 1000 streams, 2000 resets at once pass, the 2001st ends the connection; ten
//! seconds later 1000 more would pass.

use tokio::time::Instant;

use super::limits::EdgeLimits;

/// What is left of one connection's resets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resets {
    most: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

/// Whether a peer may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may.
    Bear,
    /// It floods us.
    Flood,
}

impl Resets {
    pub(crate) fn new(limits: &EdgeLimits, now: Instant) -> Self {
        let streams = f64::from(limits.max_concurrent_streams.get());
        Self {
            most: 2.0 * streams,
            per_second: streams / 10.0,
            left: 2.0 * streams,
            at: now,
        }
    }

    /// Counts one reset.
    pub(crate) fn count(&mut self, now: Instant) -> Verdict {
        let regained = now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.at = now;
        self.left = (self.left + regained).min(self.most) - 1.0;
        if self.left < 0.0 {
            return Verdict::Flood;
        }
        debug_assert!(self.left <= self.most, "resets cannot be saved up");
        Verdict::Bear
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_that_passes_for_all_is_borne_and_a_flood_is_not() {
        let now = Instant::now();
        let mut resets = Resets::new(&EdgeLimits::default(), now);
        for _ in 0..2000 {
            assert_eq!(resets.count(now), Verdict::Bear);
        }
        assert_eq!(resets.count(now), Verdict::Flood);
        let later = now + Duration::from_secs(10);
        for _ in 0..999 {
            assert_eq!(resets.count(later), Verdict::Bear);
        }
    }
}
