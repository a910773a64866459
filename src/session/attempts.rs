//! From a request to attempts: each one is admitted, sent, and counted.
//!
//! An example: the first attempt waits 80 ms for its slot and is throttled. The
//! retry backs off outside the line, enters at the head of its caller's line and
//! succeeds: two attempts, both waits together. Were the retry refused a slot,
//! the caller would get the throttling of the first one, not the refusal.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, debug};

use super::SessionError;
use super::metrics::{AttemptMetrics, OperationMetrics};
use super::spans;
use crate::admission::{Admission, ArrivalKind, AttemptOutcome, Permit, RefusalReason};
use crate::model::CallerId;
use crate::model::Deadline;
use crate::retry::{Retry, RetryDecision};
use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// What it took to get an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptStats {
    /// Attempts that left.
    pub attempts: u32,
    /// What they waited for their slots, all together.
    pub waited: Duration,
}

/// How an operation gets its attempts.
#[derive(Clone, Debug)]
pub struct Attempts {
    admission: Admission,
    retry: Arc<Retry>,
    metrics: OperationMetrics,
}

/// What has become of a request so far.
#[derive(Default)]
struct Trail {
    effort: AttemptStats,
    last: Option<UpstreamError>,
    /// A credentials error was already given its one retry.
    refreshed: bool,
}

/// How one attempt ended.
enum AttemptError {
    /// Another one may come to something else.
    Again(UpstreamError),
    /// That is the answer.
    With(SessionError),
}

impl Attempts {
    /// Attempts that pay at `admission`, repeated as `retry` allows.
    #[must_use]
    pub fn new(admission: Admission, retry: Arc<Retry>) -> Self {
        let metrics = AttemptMetrics::default().of("");
        Self {
            admission,
            retry,
            metrics,
        }
    }

    /// The same, counted as those of `operation`.
    #[must_use]
    pub fn counted(self, metrics: &AttemptMetrics, operation: &'static str) -> Self {
        let metrics = metrics.of(operation);
        Self { metrics, ..self }
    }

    /// Sends `call` until there is an answer.
    ///
    /// Dropped half way, it gives up its place in the line, or the attempt under
    /// way, which may have reached AWS all the same.
    pub(super) async fn run<T, F>(
        &self,
        caller: &CallerId,
        deadline: Deadline,
        call: impl Fn() -> F,
    ) -> (AttemptStats, Result<T, SessionError>)
    where
        F: Future<Output = Result<T, SessionError>>,
    {
        let trail = Mutex::new(Trail::default());
        let attempt = || self.attempt(caller, deadline, &trail, &call);
        let outcome = self
            .retry
            .run(deadline, attempt, AttemptError::decision)
            .await;
        let trail = trail.into_inner().unwrap_or_else(PoisonError::into_inner);
        (trail.effort, outcome.map_err(AttemptError::into_error))
    }

    /// An answer repeats an earlier one.
    pub(super) fn replayed(&self) {
        self.metrics.replayed();
    }

    async fn attempt<T, F>(
        &self,
        caller: &CallerId,
        deadline: Deadline,
        trail: &Mutex<Trail>,
        call: impl Fn() -> F,
    ) -> Result<T, AttemptError>
    where
        F: Future<Output = Result<T, SessionError>>,
    {
        let note = || trail.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = note().effort.attempts;
        let permit = match self.admit(caller, attempts, deadline).await {
            Ok(permit) => permit,
            Err(why) => return Err(AttemptError::without_a_slot(note().last.take(), why)),
        };
        note().effort.waited += permit.waited();
        note().effort.attempts += 1;
        let error = match self
            .send(permit, (caller, attempts + 1), deadline, call())
            .await
        {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(SessionError::Upstream(error))) => error,
            Some(Err(other)) => return Err(AttemptError::With(other)),
            None => return Err(AttemptError::With(SessionError::DeadlineExceededUpstream)),
        };
        let mut trail = note();
        trail.last = Some(error.clone());
        let refresh = error.kind == UpstreamErrorKind::Credentials && !trail.refreshed;
        trail.refreshed |= refresh;
        if refresh || error.kind.is_transient() {
            Err(AttemptError::Again(error))
        } else {
            Err(AttemptError::With(SessionError::Upstream(error)))
        }
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
        let entry = if attempts == 0 {
            ArrivalKind::New
        } else {
            ArrivalKind::Retry
        };
        let slot = self.admission.admit(caller, entry, deadline);
        let span = spans::admission();
        let waited = timeout_at(deadline.instant(), slot)
            .instrument(span.clone())
            .await;
        spans::waited(&span, &waited);
        match waited {
            Ok(Ok(permit)) => {
                self.metrics.waited(&permit);
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

    /// One attempt; `None` where the deadline cut it off, which says nothing of how
    /// long it would have taken.
    async fn send<T>(
        &self,
        permit: Permit,
        (caller, number): (&CallerId, u32),
        deadline: Deadline,
        call: impl Future<Output = Result<T, SessionError>>,
    ) -> Option<Result<T, SessionError>> {
        let span = spans::attempt(self.metrics.method(), number);
        let counted = self.metrics.leaves(caller, number);
        let answer = timeout_at(deadline.instant(), call)
            .instrument(span.clone())
            .await
            .ok();
        let (outcome, error) = match &answer {
            None => ("deadline", None),
            Some(Ok(_)) => ("ok", None),
            Some(Err(SessionError::Upstream(error))) => (error.kind.as_str(), Some(error)),
            Some(Err(_)) => ("not sent", None),
        };
        spans::attempted(&span, outcome, error);
        span.in_scope(|| debug!("attempt ended"));
        counted.finish(outcome, error);
        match &answer {
            Some(Ok(_)) => permit.finish(AttemptOutcome::Answered),
            Some(Err(SessionError::Upstream(error))) => teach(permit, error),
            // Cut off, or never sent: it says nothing of how long attempts take.
            None | Some(Err(_)) => drop(permit),
        }
        answer
    }
}

/// An attempt that never reached AWS says nothing of how long attempts take.
fn teach(permit: Permit, error: &UpstreamError) {
    let reached = error.http_status.is_some() || error.kind == UpstreamErrorKind::Timeout;
    match error.kind {
        UpstreamErrorKind::Throttled => permit.finish(AttemptOutcome::Throttled),
        _ if reached => permit.finish(AttemptOutcome::Answered),
        _ => drop(permit),
    }
}

impl AttemptError {
    /// A retry that got no slot ends with what AWS said last; one whose deadline
    /// was over meanwhile, with that: an attempt may have made a session.
    fn without_a_slot(last: Option<UpstreamError>, why: SessionError) -> Self {
        match (last, why) {
            (Some(error), SessionError::Refused(refused))
                if refused.reason != RefusalReason::Closed =>
            {
                Self::With(SessionError::Upstream(error))
            }
            (Some(_), SessionError::DeadlineExceeded) => {
                Self::With(SessionError::DeadlineExceededUpstream)
            }
            (_, why) => Self::With(why),
        }
    }

    fn decision(&self) -> RetryDecision {
        match self {
            Self::Again(error) => RetryDecision::RetryAfter(error.retry_after.unwrap_or_default()),
            Self::With(_) => RetryDecision::GiveUp,
        }
    }

    fn into_error(self) -> SessionError {
        match self {
            Self::Again(error) => SessionError::Upstream(error),
            Self::With(error) => error,
        }
    }
}
