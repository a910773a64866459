//! The attempts of one request: each needs a permit, is sent once and is counted.
//!
//! For example, the first attempt waits 80 ms for its permit and is throttled. The retry
//! waits out its delay outside the queue, enters at the head of its caller's queue and
//! succeeds. The progress shows two attempts and the sum of both waits. If admission refuses
//! the retry, the caller gets the throttling error of the first attempt, unless the process
//! is shutting down.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, debug};

use super::metrics::{AttemptMetrics, OperationMetrics, OutcomeLabel, UnsentGuard};
use super::{Progress, SessionError, spans};
use crate::admission::{
    Admission, AdmissionState, ArrivalKind, AttemptOutcome, Permit, RefusalReason,
};
use crate::model::{CallerId, Deadline, Operation};
use crate::retry::{Retries, RetryPolicy};
use crate::upstream::{AttemptOutput, UpstreamError, UpstreamErrorKind};

/// What all requests of one operation share: admission, the retry policy and metrics.
#[derive(Clone, Debug)]
pub struct AttemptPolicy {
    admission: Admission,
    retry: Arc<RetryPolicy>,
    metrics: OperationMetrics,
}

/// The attempts of one request.
pub(super) struct Attempts<'a> {
    policy: &'a AttemptPolicy,
    caller: &'a CallerId,
    deadline: Deadline,
    retries: Retries<'a>,
    /// The error of the last attempt.
    last: Option<UpstreamError>,
    pub(super) progress: &'a mut Progress,
}

/// A permit whose attempt is not sent yet. Dropping it returns the quota token.
pub(super) struct UnsentPermit<'a> {
    permit: Permit,
    guard: UnsentGuard<'a>,
}

impl AttemptPolicy {
    /// Returns the policy of `operation`: each attempt needs a permit of `admission`, and
    /// `retry` decides on the next one.
    #[must_use]
    pub fn new(operation: Operation, admission: Admission, retry: Arc<RetryPolicy>) -> Self {
        let metrics = AttemptMetrics::default().of(operation);
        Self {
            admission,
            retry,
            metrics,
        }
    }

    /// Counts the attempts in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: &AttemptMetrics) -> Self {
        let metrics = metrics.of(self.metrics.operation());
        Self { metrics, ..self }
    }

    /// Starts the attempts of a request, which update `progress`.
    pub(super) fn attempts<'a>(
        &'a self,
        caller: &'a CallerId,
        deadline: Deadline,
        progress: &'a mut Progress,
    ) -> Attempts<'a> {
        Attempts {
            policy: self,
            caller,
            deadline,
            retries: self.retry.retries(),
            last: None,
            progress,
        }
    }

    /// Returns the state of admission, or `None` once it has ended.
    pub(super) async fn admission_state(&self) -> Option<AdmissionState> {
        self.admission.state()
    }

    /// Returns whether only the caller's own limit or requests delay its next attempt.
    pub(super) fn is_held_back(&self, caller: &CallerId) -> bool {
        self.admission.is_held_back(caller)
    }

    /// Counts a call that returns the session of an earlier call.
    pub(super) fn replayed(&self) {
        self.metrics.replayed();
    }
}

impl<'a> Attempts<'a> {
    /// Waits for a permit, which has consumed a quota token. Dropping the future removes the
    /// request from the queue and costs no token.
    ///
    /// # Errors
    /// A refused retry fails with the last error from AWS, unless the process is shutting
    /// down.
    pub(super) async fn acquire_permit(&mut self) -> Result<UnsentPermit<'a>, SessionError> {
        let metrics = &self.policy.metrics;
        let kind = if self.last.is_none() {
            ArrivalKind::New
        } else {
            ArrivalKind::Retry
        };
        let span = spans::admission();
        let permit = self
            .policy
            .admission
            .admit(self.caller, kind, self.deadline);
        let waited = timeout_at(self.deadline.instant(), permit)
            .instrument(span.clone())
            .await;
        spans::record_wait(&span, &waited);
        let refused = match waited {
            Ok(Ok(permit)) => {
                let guard = metrics.admitted(&permit);
                self.progress.waited += permit.waited();
                return Ok(UnsentPermit { permit, guard });
            }
            Ok(Err(refused)) => refused,
            Err(_) => return Err(SessionError::DeadlineExceeded),
        };
        metrics.refused(self.caller, refused.reason);
        let last = self.last.take().map(SessionError::Upstream);
        Err(match refused.reason {
            RefusalReason::DeadlineTooShort => SessionError::DeadlineExceeded,
            RefusalReason::Closed => SessionError::Refused(refused),
            RefusalReason::Quota | RefusalReason::ConcurrentChecks | RefusalReason::CallerQuota => {
                last.unwrap_or(SessionError::Refused(refused))
            }
        })
    }

    /// Sends one attempt, which `call` makes. Dropping the future drops the attempt, which
    /// may have reached AWS.
    ///
    /// # Errors
    /// [`SessionError::Upstream`], or [`SessionError::DeadlineExceeded`].
    pub(super) async fn send<T>(
        &mut self,
        permit: UnsentPermit<'_>,
        call: impl Future<Output = Result<AttemptOutput<T>, UpstreamError>>,
    ) -> Result<AttemptOutput<T>, SessionError> {
        let UnsentPermit { mut permit, guard } = permit;
        permit.spend();
        self.progress.attempts += 1;
        let number = self.progress.attempts;
        let metrics = &self.policy.metrics;
        let span = spans::attempt(metrics.operation(), number);
        let guard = guard.start(self.caller, number);
        let answer = timeout_at(self.deadline.instant(), call)
            .instrument(span.clone())
            .await;
        let (outcome, error) = match &answer {
            Err(_) => (OutcomeLabel::Deadline, None),
            Ok(Ok(_)) => (OutcomeLabel::Ok, None),
            Ok(Err(error)) => (OutcomeLabel::Failed(error.kind), Some(error)),
        };
        spans::record_attempt(&span, outcome, error);
        span.in_scope(|| debug!("attempt ended"));
        guard.finish(outcome, error);
        match answer {
            Ok(Ok(output)) => {
                permit.finish(AttemptOutcome::Answered);
                self.policy.retry.succeeded(Instant::now());
                Ok(output)
            }
            Ok(Err(error)) => {
                report(permit, &error);
                self.progress.outcome_unknown |= error.is_outcome_unknown();
                Err(SessionError::Upstream(error))
            }
            Err(_) => {
                // Cut off: its duration does not measure AWS's latency.
                drop(permit);
                self.progress.outcome_unknown = true;
                Err(SessionError::DeadlineExceeded)
            }
        }
    }

    /// Returns the delay before the next attempt after `error`.
    ///
    /// # Errors
    /// `error`, if there is no further attempt.
    pub(super) fn retry_delay(&mut self, error: SessionError) -> Result<Duration, SessionError> {
        let SessionError::Upstream(error) = error else {
            return Err(error);
        };
        let delay = self
            .retries
            .next_delay(&error, self.deadline, Instant::now());
        match delay {
            Some(delay) => {
                self.last = Some(error);
                Ok(delay)
            }
            None => Err(SessionError::Upstream(error)),
        }
    }
}

/// Reports a failed attempt to admission. An attempt that did not reach AWS is not reported,
/// because its duration does not measure AWS's latency.
fn report(permit: Permit, error: &UpstreamError) {
    let reached = error.http_status.is_some() || error.kind == UpstreamErrorKind::Timeout;
    match error.kind {
        UpstreamErrorKind::Throttled => permit.finish(AttemptOutcome::Throttled),
        _ if reached => permit.finish(AttemptOutcome::Answered),
        _ => drop(permit),
    }
}
