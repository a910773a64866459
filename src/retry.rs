//! Retries with exponential backoff, full jitter and a retry budget.
//!
//! Each delay is drawn uniformly between zero and an exponentially growing bound
//! ([full jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
//! The delay that the server asks for is a lower bound. Retries stop at the maximum number
//! of attempts, at the deadline, or when the budget of the process is exhausted. This
//! module owns the retry loop. It knows neither AWS nor admission, and is the only module
//! that imports `backon`.
//!
//! For example, with a base delay of 100 ms and at most 4 attempts, the delays are drawn
//! from 0-100 ms, 0-200 ms and 0-400 ms. If 150 ms are left until the deadline and the
//! drawn delay is 180 ms, the caller gets the error at once.

mod budget;
mod metrics;

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};
use tokio::time::Instant;

use self::budget::RetryBudget;
pub use self::metrics::RetryMetrics;
use crate::model::Deadline;

/// The settings of the retry policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// The maximum number of attempts for one request, including the first.
    pub max_attempts: NonZeroU32,
    /// The upper bound of the first delay; it doubles with each retry.
    pub base_delay: Duration,
    /// The upper bound of every delay that the server did not ask for.
    pub max_delay: Duration,
    /// Retries that each successful request adds to the budget.
    pub budget_ratio: f64,
    /// Retries that each second adds to the budget.
    pub budget_floor_per_second: f64,
}

/// Whether to retry after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Retry after at least this delay.
    RetryAfter(Duration),
    /// Do not retry: the next attempt would fail in the same way.
    GiveUp,
}

/// The retry policy and the retry budget of the process.
#[derive(Debug)]
pub struct Retry {
    delays: ExponentialBuilder,
    budget: Mutex<RetryBudget>,
}

impl Retry {
    /// Returns a policy whose budget starts with the retries of one second.
    #[must_use]
    pub fn new(settings: &RetrySettings) -> Self {
        let delays = ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(settings.base_delay)
            .with_max_delay(settings.max_delay)
            .with_max_times(settings.max_attempts.get() as usize - 1);
        Self {
            delays,
            budget: Mutex::new(RetryBudget::new(settings, Instant::now())),
        }
    }

    /// Runs `attempt` until it succeeds, `decide` gives up, or attempts, time or budget run
    /// out.
    ///
    /// Dropping the future drops the current attempt or the current delay. A retry that was
    /// already taken from the budget is not returned.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn run<T, E, F>(
        &self,
        deadline: Deadline,
        attempt: impl FnMut() -> F,
        decide: impl Fn(&E) -> RetryDecision,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let success = attempt
            .retry(self.delays.build())
            .sleep(tokio::time::sleep)
            .when(|error| decide(error) != RetryDecision::GiveUp)
            .adjust(|error, bound| self.delay(deadline, bound?, decide(error)))
            .await?;
        self.budget().deposit(Instant::now());
        Ok(success)
    }

    /// Returns the number of retries that the budget allows at `now`.
    pub fn available(&self, now: Instant) -> f64 {
        self.budget().available(now)
    }

    fn delay(
        &self,
        deadline: Deadline,
        bound: Duration,
        decision: RetryDecision,
    ) -> Option<Duration> {
        let RetryDecision::RetryAfter(minimum) = decision else {
            return None;
        };
        let now = Instant::now();
        let delay = bound.mul_f64(fastrand::f64()).max(minimum);
        let fits = delay < deadline.left(now);
        (fits && self.budget().withdraw(now)).then_some(delay)
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, RetryBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
