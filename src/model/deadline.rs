//! The instant by which a caller needs its response.
//!
//! The gRPC layer creates the deadline once per request and passes it down. No lower
//! layer extends it. Decisions take `now` as a parameter instead of reading a clock.

use std::time::Duration;

use tokio::time::Instant;

/// The instant by which the response must be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline `wait` after `now`, at most one day.
    ///
    /// The bound prevents an overflow of [`Instant`].
    #[must_use]
    pub fn after(now: Instant, wait: Duration) -> Self {
        const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
        Self(now + wait.min(LONGEST))
    }

    /// Returns the instant, to sleep until.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// Returns the time left at `now`: zero once the deadline has passed.
    #[must_use]
    pub fn left(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Returns whether the deadline has passed at `now`.
    #[must_use]
    pub fn is_over(self, now: Instant) -> bool {
        self.left(now).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_left_falls_to_zero_and_stays_there() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_millis(200));
        assert_eq!(deadline.left(now), Duration::from_millis(200));
        assert!(!deadline.is_over(now));
        assert!(deadline.is_over(now + Duration::from_millis(200)));
        assert_eq!(deadline.left(now + Duration::from_secs(9)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_duration_does_not_overflow() {
        let now = Instant::now();
        assert!(!Deadline::after(now, Duration::MAX).is_over(now));
    }
}
