//! The budget of retries: however many calls fail, retries stay a small share.
//!
//! A pure value. Each success pays in a part of a retry, each second pays in
//! some besides, each retry takes one out; it holds what ten seconds pay in.
//!
//! An example, with a ratio of 0.1 and a floor of 1 a second: while 25 calls a
//! second succeed, 3.5 retries a second are allowed. When all of them fail, one.

use std::time::Duration;

use tokio::time::Instant;

use super::RetrySettings;

/// How long the floor may be saved up.
const SAVED: Duration = Duration::from_secs(10);

/// What successes may be saved up to, in retries.
const SAVED_SUCCESSES: f64 = 10.0;

/// Retries that may still be made.
#[derive(Debug)]
pub(super) struct RetryBudget {
    ratio: f64,
    floor_per_second: f64,
    balance: f64,
    at: Instant,
}

impl RetryBudget {
    /// A budget that holds one second's floor, at least one retry where the
    /// floor is not zero.
    pub(super) fn new(settings: &RetrySettings, now: Instant) -> Self {
        let floor = settings.budget_floor_per_second;
        let balance = if floor > 0.0 { floor.max(1.0) } else { 0.0 };
        Self {
            ratio: settings.budget_ratio,
            floor_per_second: floor,
            balance,
            at: now,
        }
    }

    /// A call succeeded.
    pub(super) fn deposit(&mut self, now: Instant) {
        self.accrue(now);
        self.balance = (self.balance + self.ratio).min(self.most());
    }

    /// Takes out one retry, where there is one.
    pub(super) fn withdraw(&mut self, now: Instant) -> bool {
        self.accrue(now);
        let covered = self.balance >= 1.0;
        if covered {
            self.balance -= 1.0;
        }
        covered
    }

    /// How many it would allow now, in parts too.
    pub(super) fn left(&mut self, now: Instant) -> f64 {
        self.accrue(now);
        self.balance
    }

    fn accrue(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        self.balance = (self.balance + age * self.floor_per_second).min(self.most());
        self.at = now;
    }

    fn most(&self) -> f64 {
        self.floor_per_second * SAVED.as_secs_f64() + SAVED_SUCCESSES
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
    async fn while_nothing_succeeds_the_floor_is_all_there_is() {
        let start = Instant::now();
        let mut budget = budget(0.1, 1.0, start);
        let tries = |at: u64| start + Duration::from_millis(at * 10);
        let allowed = (0..1000).filter(|at| budget.withdraw(tries(*at))).count();
        assert_eq!(
            allowed,
            1 + 9,
            "one at once, then one a second for ten seconds"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn ten_successes_pay_for_one_retry_and_savings_are_bounded() {
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
