//! The budget of streams that a peer may reset: the protection against HTTP/2 rapid
//! reset ([CVE-2023-44487](https://nvd.nist.gov/vuln/detail/CVE-2023-44487)).
//!
//! A request that is sent and reset at once costs the peer two frames and the server a
//! task. An honest client resets all its streams at once when a deadline passes, and
//! then none for a while. The budget is therefore a
//! [token bucket](https://en.wikipedia.org/wiki/Token_bucket): it holds twice the
//! streams that a connection may have, and a tenth of the streams refills each second.
//! For example, with 1000 streams the budget allows 2000 resets at once, the 2001st
//! ends the connection, and ten seconds later it would allow 1000 more. Without it
//! `a_peer_that_resets_more_streams_than_its_budget_is_disconnected` fails.

use tokio::time::Instant;

use super::TransportLimits;
use crate::model::TokenBucket;

/// Returns the budget of one connection: one token for each stream that the peer resets.
pub(super) fn reset_budget(limits: &TransportLimits, now: Instant) -> TokenBucket {
    let streams = f64::from(limits.max_concurrent_streams.get());
    TokenBucket::full(streams / 10.0, 2.0 * streams, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn allows_a_deadline_that_ends_all_streams_and_rejects_a_flood() {
        let now = Instant::now();
        let mut budget = reset_budget(&TransportLimits::default(), now);
        for _ in 0..2000 {
            assert!(budget.try_take(now));
        }
        assert!(!budget.try_take(now));
        let later = now + Duration::from_secs(10);
        for _ in 0..1000 {
            assert!(budget.try_take(later));
        }
        assert!(!budget.try_take(later));
    }
}
