//! The instant by which a caller must have its answer.
//!
//! A deadline is made once, where a request enters, and handed down: nothing
//! below adds time to it, and no decision reads a clock to know what is left.

use std::time::Duration;

use tokio::time::Instant;

/// The instant by which an answer must have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline `wait` after `now`; one too far to be counted is a day off.
    #[must_use]
    pub fn after(now: Instant, wait: Duration) -> Self {
        const FAR: Duration = Duration::from_secs(24 * 60 * 60);
        Self(now + wait.min(FAR))
    }

    /// The instant itself, to sleep until.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// What is left of it at `now`: zero once it is over.
    #[must_use]
    pub fn left(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether nothing is left of it at `now`.
    #[must_use]
    pub fn is_over(self, now: Instant) -> bool {
        self.left(now).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_left_falls_to_zero_and_stays_there() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_millis(200));
        assert_eq!(deadline.left(now), Duration::from_millis(200));
        assert!(!deadline.is_over(now));
        assert!(deadline.is_over(now + Duration::from_millis(200)));
        assert_eq!(deadline.left(now + Duration::from_secs(9)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_a_peer_can_name_is_no_overflow() {
        let now = Instant::now();
        assert!(!Deadline::after(now, Duration::MAX).is_over(now));
    }
}
