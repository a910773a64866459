//! Whether, and after how long, a failed attempt is repeated.
//!
//! Delays grow exponentially and are drawn at random from the whole of that
//! (*full jitter*); what the other side asks to wait is a lower bound. There is
//! no retry past the most attempts, past the deadline, or beyond the process's
//! budget. This module owns the loop; it knows neither AWS nor
//! admission, and is the only importer of `backon`.
//!
//! An example, with a base of 100 ms and at most 4 attempts: the delays are
//! drawn from 0-100 ms, 0-200 ms and 0-400 ms. With 150 ms left of the deadline
//! a drawn delay of 180 ms ends it: the caller gets the error now, not later.

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

/// When an attempt is repeated, and when no more.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// The most attempts for one request, the first one included.
    pub max_attempts: NonZeroU32,
    /// The upper bound of the first delay; it doubles with each retry.
    pub base_delay: Duration,
    /// The upper bound of any delay that the other side did not ask for.
    pub max_delay: Duration,
    /// Retries allowed for each success.
    pub budget_ratio: f64,
    /// Retries allowed for each second, besides.
    pub budget_floor_per_second: f64,
}

/// What a failed attempt says of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// It can come to something else, but not before this time has passed.
    RetryAfter(Duration),
    /// It would come to the same.
    GiveUp,
}

/// The retry policy of the process, and its budget.
#[derive(Debug)]
pub struct Retry {
    delays: ExponentialBuilder,
    budget: Mutex<RetryBudget>,
}

impl Retry {
    /// A policy whose budget is what one second allows.
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

    /// Runs `attempt` until it succeeds or there is no point, no time or no
    /// budget left.
    ///
    /// Dropped half way, it drops the attempt under way, or the wait for the
    /// next; what a budget paid for a retry that never left stays paid.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn run<T, E, F>(
        &self,
        deadline: Deadline,
        attempt: impl FnMut() -> F,
        advice: impl Fn(&E) -> Advice,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let success = attempt
            .retry(self.delays.build())
            .sleep(tokio::time::sleep)
            .when(|error| advice(error) != Advice::GiveUp)
            .adjust(|error, bound| self.delay(deadline, bound?, advice(error)))
            .await?;
        self.budget().deposit(Instant::now());
        Ok(success)
    }

    /// Retries that the budget would allow at `now`.
    pub fn left(&self, now: Instant) -> f64 {
        self.budget().left(now)
    }

    fn delay(&self, deadline: Deadline, bound: Duration, advice: Advice) -> Option<Duration> {
        let Advice::RetryAfter(asked) = advice else {
            return None;
        };
        let now = Instant::now();
        let delay = bound.mul_f64(fastrand::f64()).max(asked);
        let fits = delay < deadline.left(now);
        (fits && self.budget().withdraw(now)).then_some(delay)
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, RetryBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
