//! Runs a request's attempts: each one is admitted, sent and counted.
//!
//! For example, the first attempt waits 80 ms for its permit and is throttled. The retry
//! waits out its backoff outside the queue, enters at the head of its caller's queue and
//! succeeds. The stats show two attempts and the sum of both waits. If admission refuses the
//! retry, the caller gets the throttling error of the first attempt, unless the process is
//! shutting down.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, debug};

use super::SessionError;
use super::metrics::{AttemptMetrics, OperationMetrics, OutcomeLabel};
use super::spans;
use crate::admission::{Admission, ArrivalKind, AttemptOutcome, Permit, RefusalReason};
use crate::model::{CallerId, Deadline, Operation};
use crate::retry::{Retry, RetryDecision};
use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// The attempts that a request took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptStats {
    /// The number of attempts.
    pub attempts: u32,
    /// The total wait for permits.
    pub waited: Duration,
    /// An attempt failed although AWS may have carried it out.
    pub outcome_unknown: bool,
}

/// Runs the attempts of one operation.
#[derive(Clone, Debug)]
pub struct Attempts {
    admission: Admission,
    retry: Arc<Retry>,
    metrics: OperationMetrics,
}

/// The state of a request between its attempts.
#[derive(Default)]
struct RetryState {
    stats: AttemptStats,
    last: Option<UpstreamError>,
    /// A credentials error has already used its only retry.
    refreshed: bool,
}

/// What follows a permit.
enum Prepared<T> {
    Send(Permit),
    Answered(T),
}

/// Why an attempt did not succeed.
enum AttemptError {
    /// Another attempt may succeed.
    Retryable(UpstreamError),
    /// The request fails with this error.
    Final(SessionError),
}

impl Attempts {
    /// Returns the attempts of `operation`, which need a permit of `admission` each and are
    /// retried as `retry` allows.
    #[must_use]
    pub fn new(operation: Operation, admission: Admission, retry: Arc<Retry>) -> Self {
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

    /// Runs `call` until it succeeds or the retry policy gives up. Before each attempt, with its permit,
    /// `prepare` may return an answer that makes the attempt unnecessary.
    ///
    /// Dropping the future removes the request from the queue, or drops the current attempt,
    /// which may have reached AWS.
    pub(super) async fn run<T, P, F>(
        &self,
        caller: &CallerId,
        deadline: Deadline,
        prepare: impl Fn() -> P,
        call: impl Fn() -> F,
    ) -> (AttemptStats, Result<T, SessionError>)
    where
        P: Future<Output = Result<Option<T>, SessionError>>,
        F: Future<Output = Result<T, UpstreamError>>,
    {
        let state = Mutex::new(RetryState::default());
        let attempt = || self.attempt(caller, deadline, &state, (&prepare, &call));
        let outcome = self
            .retry
            .run(deadline, attempt, AttemptError::decision)
            .await;
        let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.stats, outcome.map_err(AttemptError::into_error))
    }

    /// Counts a call that returns the session of an earlier call.
    pub(super) fn replayed(&self) {
        self.metrics.replayed();
    }

    async fn attempt<T, P, F>(
        &self,
        caller: &CallerId,
        deadline: Deadline,
        state: &Mutex<RetryState>,
        (prepare, call): (impl Fn() -> P, impl Fn() -> F),
    ) -> Result<T, AttemptError>
    where
        P: Future<Output = Result<Option<T>, SessionError>>,
        F: Future<Output = Result<T, UpstreamError>>,
    {
        let state = || state.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = state().stats.attempts;
        let permit = match self.admit(caller, attempts, deadline).await {
            Ok(permit) => permit,
            Err(error) => return Err(AttemptError::not_admitted(state().last.take(), error)),
        };
        state().stats.waited += permit.waited();
        let permit = match self.prepare(permit, deadline, prepare()).await {
            Ok(Prepared::Send(permit)) => permit,
            Ok(Prepared::Answered(answer)) => return Ok(answer),
            Err(error) => return Err(AttemptError::not_admitted(state().last.take(), error)),
        };
        state().stats.attempts += 1;
        let error = match self
            .send(permit, (caller, attempts + 1), deadline, call())
            .await
        {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) => error,
            None => {
                state().stats.outcome_unknown = true;
                return Err(AttemptError::Final(SessionError::DeadlineExceededUpstream));
            }
        };
        let mut state = state();
        state.stats.outcome_unknown |= error.is_outcome_unknown();
        state.last = Some(error.clone());
        let refresh = error.kind == UpstreamErrorKind::Credentials && !state.refreshed;
        state.refreshed |= refresh;
        if refresh || error.kind.is_transient() {
            Err(AttemptError::Retryable(error))
        } else {
            Err(AttemptError::Final(SessionError::Upstream(error)))
        }
    }

    /// Runs `prepare`. Returns the quota token of `permit` if no attempt is needed or possible.
    async fn prepare<T>(
        &self,
        permit: Permit,
        deadline: Deadline,
        prepare: impl Future<Output = Result<Option<T>, SessionError>>,
    ) -> Result<Prepared<T>, SessionError> {
        let prepared = timeout_at(deadline.instant(), prepare).await;
        let prepared = prepared.unwrap_or(Err(SessionError::DeadlineExceeded));
        let unsent = match prepared {
            Ok(None) => return Ok(Prepared::Send(permit)),
            Ok(Some(answer)) => Ok(Prepared::Answered(answer)),
            Err(error) => Err(error),
        };
        self.metrics.not_sent();
        permit.give_back();
        unsent
    }

    async fn admit(
        &self,
        caller: &CallerId,
        attempts: u32,
        deadline: Deadline,
    ) -> Result<Permit, SessionError> {
        if deadline.is_over(Instant::now()) {
            return Err(SessionError::DeadlineExceeded);
        }
        let arrival = if attempts == 0 {
            ArrivalKind::New
        } else {
            ArrivalKind::Retry
        };
        let permit = self.admission.admit(caller, arrival, deadline);
        let span = spans::admission();
        let waited = timeout_at(deadline.instant(), permit)
            .instrument(span.clone())
            .await;
        spans::record_wait(&span, &waited);
        match waited {
            Ok(Ok(permit)) => {
                self.metrics.admitted(&permit);
                Ok(permit)
            }
            Ok(Err(refused)) => {
                self.metrics.refused(caller, refused.reason);
                Err(match refused.reason {
                    RefusalReason::DeadlineTooShort => SessionError::DeadlineExceeded,
                    RefusalReason::Quota | RefusalReason::CallerQuota | RefusalReason::Closed => {
                        SessionError::Refused(refused)
                    }
                })
            }
            Err(_) => Err(SessionError::DeadlineExceeded),
        }
    }

    /// Sends one attempt. Returns `None` if the deadline passes first.
    async fn send<T>(
        &self,
        permit: Permit,
        (caller, number): (&CallerId, u32),
        deadline: Deadline,
        call: impl Future<Output = Result<T, UpstreamError>>,
    ) -> Option<Result<T, UpstreamError>> {
        let span = spans::attempt(self.metrics.method(), number);
        let guard = self.metrics.start_attempt(caller, number);
        let answer = timeout_at(deadline.instant(), call)
            .instrument(span.clone())
            .await
            .ok();
        let (outcome, error) = match &answer {
            None => (OutcomeLabel::Deadline, None),
            Some(Ok(_)) => (OutcomeLabel::Ok, None),
            Some(Err(error)) => (OutcomeLabel::Failed(error.kind), Some(error)),
        };
        spans::record_attempt(&span, outcome, error);
        span.in_scope(|| debug!("attempt ended"));
        guard.finish(outcome, error);
        match &answer {
            Some(Ok(_)) => permit.finish(AttemptOutcome::Answered),
            Some(Err(error)) => report(permit, error),
            // Cut off: its duration does not measure AWS's latency.
            None => drop(permit),
        }
        answer
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

impl AttemptError {
    /// Returns the error of a request without a permit. A refused retry fails with the last
    /// error from AWS, unless the process is shutting down. A retry past its deadline fails with
    /// [`SessionError::DeadlineExceededUpstream`], because an earlier attempt may have
    /// created a session.
    fn not_admitted(last: Option<UpstreamError>, error: SessionError) -> Self {
        match (last, error) {
            (Some(last), SessionError::Refused(refused))
                if refused.reason != RefusalReason::Closed =>
            {
                Self::Final(SessionError::Upstream(last))
            }
            (Some(_), SessionError::DeadlineExceeded) => {
                Self::Final(SessionError::DeadlineExceededUpstream)
            }
            (_, error) => Self::Final(error),
        }
    }

    fn decision(&self) -> RetryDecision {
        match self {
            Self::Retryable(error) => {
                RetryDecision::RetryAfter(error.retry_after.unwrap_or_default())
            }
            Self::Final(_) => RetryDecision::GiveUp,
        }
    }

    fn into_error(self) -> SessionError {
        match self {
            Self::Retryable(error) => SessionError::Upstream(error),
            Self::Final(error) => error,
        }
    }
}
