//! When to retry: exponential backoff with full jitter, and a retry budget.
//!
//! Each delay is drawn uniformly between zero and an exponentially growing bound
//! ([full jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)),
//! which `backon` computes. The delay that AWS asks for is a lower bound. Retries stop at an
//! error that another attempt cannot repair, at the maximum number of attempts, at the
//! deadline, or when the budget of the process is exhausted. This module decides and does
//! not wait: the loop of the request asks it after each failed attempt. It is the only
//! module that imports `backon`.
//!
//! For example, with a base delay of 100 ms and at most 4 attempts, the delays are drawn
//! from 0-100 ms, 0-200 ms and 0-400 ms. If 150 ms are left until the deadline and the
//! drawn delay is 180 ms, the caller gets the error at once.

mod budget;
mod metrics;

use std::num::NonZeroU32;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use parking_lot::Mutex;
use tokio::time::Instant;

use self::budget::RetryBudget;
pub use self::metrics::RetryMetrics;
use crate::model::Deadline;
use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// The settings of the retry policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// The maximum number of attempts for one request, including the first.
    pub max_attempts: NonZeroU32,
    /// The upper bound of the first delay; it doubles with each retry. At most `max_delay`.
    pub base_delay: Duration,
    /// The upper bound of every delay that AWS did not ask for.
    pub max_delay: Duration,
    /// Retries that each successful request adds to the budget.
    pub budget_ratio: f64,
    /// Retries that each second adds to the budget.
    pub budget_floor_per_second: f64,
}

/// The retry policy and the retry budget of the process.
#[derive(Debug)]
pub struct RetryPolicy {
    delays: ExponentialBuilder,
    budget: Mutex<RetryBudget>,
}

/// The retries of one request.
#[derive(Debug)]
pub struct Retries<'a> {
    policy: &'a RetryPolicy,
    /// The upper bounds of the remaining delays.
    bounds: <ExponentialBuilder as BackoffBuilder>::Backoff,
    /// An error of the credentials has used its only retry.
    credentials_retried: bool,
}

/// The errors of consecutive polls. A poll does not retry: the next one follows in any case,
/// unless its error would be the same.
#[derive(Debug, Default)]
pub struct PollErrors {
    /// An error that the next poll may repair.
    repairable: Option<UpstreamErrorKind>,
}

/// Whether to poll again after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterPollError {
    /// Poll on schedule.
    PollOnSchedule,
    /// Poll soon: a second error of this kind is final.
    PollSoon,
    /// Stop: a later poll would fail alike.
    Stop,
}

impl RetryPolicy {
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

    /// Starts the retries of a request.
    #[must_use]
    pub fn retries(&self) -> Retries<'_> {
        Retries {
            policy: self,
            bounds: self.delays.build(),
            credentials_retried: false,
        }
    }

    /// Adds the share of a successful request to the budget.
    pub fn succeeded(&self, now: Instant) {
        self.budget.lock().deposit(now);
    }

    /// Returns the number of retries that the budget allows at `now`.
    pub fn available(&self, now: Instant) -> f64 {
        self.budget.lock().available(now)
    }
}

impl Retries<'_> {
    /// Returns the delay before the next attempt after `error`, and withdraws the retry from
    /// the budget; or `None` if the request must fail with `error`.
    pub fn next_delay(
        &mut self,
        error: &UpstreamError,
        deadline: Deadline,
        now: Instant,
    ) -> Option<Duration> {
        if !self.is_retryable(error.kind) {
            return None;
        }
        let bound = self.bounds.next()?;
        let delay = bound.mul_f64(fastrand::f64());
        let delay = delay.max(error.retry_after.unwrap_or_default());
        let is_in_time = delay < deadline.left(now);
        (is_in_time && self.policy.budget.lock().withdraw(now)).then_some(delay)
    }

    /// Whether another attempt may succeed. Rejected credentials are reloaded, which helps
    /// once or not at all.
    fn is_retryable(&mut self, kind: UpstreamErrorKind) -> bool {
        if kind == UpstreamErrorKind::Credentials {
            return !std::mem::replace(&mut self.credentials_retried, true);
        }
        kind.is_transient()
    }
}

impl PollErrors {
    /// Adds the error of a poll.
    pub fn add(&mut self, kind: UpstreamErrorKind) -> AfterPollError {
        if kind.is_transient() {
            AfterPollError::PollOnSchedule
        } else if is_repairable(kind) && self.repairable != Some(kind) {
            self.repairable = Some(kind);
            AfterPollError::PollSoon
        } else {
            AfterPollError::Stop
        }
    }
}

/// Whether the cause may be over at the next poll: rejected credentials are reloaded, a
/// policy of the role may be in the middle of a replacement, and an unknown error may come
/// from a proxy.
fn is_repairable(kind: UpstreamErrorKind) -> bool {
    matches!(
        kind,
        UpstreamErrorKind::Credentials
            | UpstreamErrorKind::AccessDenied
            | UpstreamErrorKind::Unknown
    )
}
