//! The budget of streams that a peer may reset: the protection against HTTP/2 rapid
//! reset ([CVE-2023-44487](https://nvd.nist.gov/vuln/detail/CVE-2023-44487)).
//!
//! A request that is sent and reset at once costs the peer two frames and the server a
//! task. An honest client resets all its streams at once when a deadline passes, and
//! then none for a while. The budget is therefore a
//! [token bucket](https://en.wikipedia.org/wiki/Token_bucket): it holds twice the
//! streams that a connection may have, and a tenth of the streams refills each second.
//! For example, with 1000 streams the budget allows 2000 resets at once, the 2001st
//! ends the connection, and ten seconds later it would allow 1000 more.

use tokio::time::Instant;

use super::TransportLimits;

/// The reset budget of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResetBudget {
    capacity: f64,
    per_second: f64,
    left: f64,
    updated: Instant,
}

/// The peer reset more streams than its budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer reset more streams than its budget allows")]
pub(super) struct ResetBudgetExceeded;

impl ResetBudget {
    pub(super) fn new(limits: &TransportLimits, now: Instant) -> Self {
        let streams = f64::from(limits.max_concurrent_streams.get());
        Self {
            capacity: 2.0 * streams,
            per_second: streams / 10.0,
            left: 2.0 * streams,
            updated: now,
        }
    }

    /// Spends the budget for one reset.
    pub(super) fn spend(&mut self, now: Instant) -> Result<(), ResetBudgetExceeded> {
        let refilled = now.duration_since(self.updated).as_secs_f64() * self.per_second;
        self.updated = now;
        self.left = (self.left + refilled).min(self.capacity) - 1.0;
        if self.left < 0.0 {
            return Err(ResetBudgetExceeded);
        }
        debug_assert!(self.left <= self.capacity, "the budget is bounded");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn allows_a_deadline_that_ends_all_streams_and_rejects_a_flood() {
        let now = Instant::now();
        let mut budget = ResetBudget::new(&TransportLimits::default(), now);
        for _ in 0..2000 {
            assert_eq!(budget.spend(now), Ok(()));
        }
        assert_eq!(budget.spend(now), Err(ResetBudgetExceeded));
        let later = now + Duration::from_secs(10);
        for _ in 0..999 {
            assert_eq!(budget.spend(later), Ok(()));
        }
    }
}
