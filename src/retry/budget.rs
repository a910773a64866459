//! The [retry budget](https://twitter.github.io/finagle/guide/Clients.html#retry-budgets):
//! it keeps retries a small share of all calls, even when most calls fail.
//!
//! A pure value: a token bucket. Each success deposits a fraction of a retry, each second deposits the
//! floor, and each retry withdraws one. The balance is bounded by ten seconds of the floor
//! plus ten retries.
//!
//! For example, with a ratio of 0.1 and a floor of 1 per second, 25 successful calls per
//! second allow 3.5 retries per second. If all calls fail, the budget allows 1 per second.

use std::time::Duration;

use tokio::time::Instant;

use super::RetrySettings;
use crate::model::TokenBucket;

/// How long deposits of the floor accumulate.
const FLOOR_WINDOW: Duration = Duration::from_secs(10);

/// The balance that deposits of successes can reach beyond the floor's, in retries.
const SUCCESS_CAPACITY: f64 = 10.0;

/// The number of retries that are still allowed.
#[derive(Debug)]
pub(super) struct RetryBudget {
    ratio: f64,
    retries: TokenBucket,
}

impl RetryBudget {
    /// Returns a budget that holds the floor of one second, and at least one retry unless
    /// the floor is zero.
    pub(super) fn new(settings: &RetrySettings, now: Instant) -> Self {
        let floor = settings.budget_floor_per_second;
        let balance = if floor > 0.0 { floor.max(1.0) } else { 0.0 };
        let capacity = floor * FLOOR_WINDOW.as_secs_f64() + SUCCESS_CAPACITY;
        Self {
            ratio: settings.budget_ratio,
            retries: TokenBucket::full(floor, capacity, now).with_level(balance),
        }
    }

    /// Deposits the fraction of a retry for one successful call.
    pub(super) fn deposit(&mut self, now: Instant) {
        self.retries.add(self.ratio, now);
    }

    /// Withdraws one retry and returns `true`, or returns `false` if the balance is too low.
    pub(super) fn withdraw(&mut self, now: Instant) -> bool {
        self.retries.try_take(now)
    }

    /// Returns the balance at `now`, including fractions of a retry.
    pub(super) fn available(&self, now: Instant) -> f64 {
        self.retries.level(now)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn budget(ratio: f64, floor: f64, now: Instant) -> RetryBudget {
        let settings = RetrySettings {
            max_attempts: NonZeroU32::MIN,
            base_delay: Duration::ZERO,
            max_delay: Duration::ZERO,
            budget_ratio: ratio,
            budget_floor_per_second: floor,
        };
        RetryBudget::new(&settings, now)
    }

    #[tokio::test(start_paused = true)]
    async fn without_successes_the_budget_allows_only_the_floor() {
        let start = Instant::now();
        let mut budget = budget(0.1, 1.0, start);
        let at = |step: u64| start + Duration::from_millis(step * 10);
        let allowed = (0..1000).filter(|step| budget.withdraw(at(*step))).count();
        assert_eq!(
            allowed,
            1 + 9,
            "one at once, then one per second for ten seconds"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn ten_successes_pay_for_one_retry_and_the_balance_is_bounded() {
        let now = Instant::now();
        let mut budget = budget(0.1, 0.0, now);
        assert!(!budget.withdraw(now));
        for _ in 0..11 {
            budget.deposit(now);
        }
        assert!(budget.withdraw(now) && !budget.withdraw(now));
        for _ in 0..1_000_000 {
            budget.deposit(now);
        }
        assert_eq!((0..1000).filter(|_| budget.withdraw(now)).count(), 10);
    }
}
