//! A watch: the states of one session, up to the final result.
//!
//! A watch receives the newest state only. For example, a slow client reads CREATED, and
//! then SUCCEEDED: it never receives the IN_PROGRESS in between.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::check_metrics::WatcherGuard;
use super::poller::PollGuard;
use super::result_flight::{LatestAnswer, ResultAnswer, ResultFlight};
use super::result_source::POLL_TIMEOUT;
use super::watch_limit::WatchPlace;
use super::{CheckMetrics, Progress, ResultRequest, SessionError, SessionResult};
use crate::model::{LivenessResult, Operation, SessionId, SessionStatus};
use crate::single_flight::FlightGuard;

/// The states of one session. Dropping it frees its place.
#[derive(Debug)]
pub struct Watch {
    request: ResultRequest,
    expires_at: Instant,
    first_answer_by: Instant,
    latest: watch::Receiver<LatestAnswer>,
    /// The state that the caller has received last.
    sent: Option<LivenessResult>,
    drain: CancellationToken,
    metrics: CheckMetrics,
    _guards: WatchGuards,
    flight: FlightGuard<SessionId, ResultFlight>,
}

/// The polls of the session, the place of the watch, and its count.
pub(super) type WatchGuards = (PollGuard, WatchPlace, WatcherGuard);

impl Watch {
    pub(super) fn new(
        request: &ResultRequest,
        flight: FlightGuard<SessionId, ResultFlight>,
        drain: CancellationToken,
        metrics: CheckMetrics,
        guards: WatchGuards,
    ) -> Self {
        Self {
            request: request.clone(),
            expires_at: flight.expires_at,
            first_answer_by: Instant::now() + POLL_TIMEOUT,
            latest: flight.subscribe(),
            sent: None,
            drain,
            metrics,
            _guards: guards,
            flight,
        }
    }

    /// Waits for a state that differs from the one before. After a state whose status is
    /// final, or an error, there are no more. Updates `progress` with each state.
    /// Dropping the future loses no state.
    ///
    /// # Errors
    /// If the caller may not read results any more, AWS refuses to return the result, the
    /// deadline passes, or the process shuts down.
    pub async fn next(&mut self, progress: &mut Progress) -> Result<SessionResult, SessionError> {
        let permissions = self.request.permissions.clone();
        let next = self.next_state(progress);
        permissions.while_allowed(Operation::Results, next).await
    }

    async fn next_state(&mut self, progress: &mut Progress) -> Result<SessionResult, SessionError> {
        let session = self.request.session;
        loop {
            if let Some(answer) = self.newest()? {
                let result = answer.result.clone();
                self.sent = Some(result.clone());
                progress.answered(session, answer.aws_request_id.clone());
                return Ok(self.deliver(result));
            }
            let expires_at = self.reports_expiry_at();
            tokio::select! {
                // In this order: a deadline at the end of the session's life is no error.
                biased;
                _ = self.latest.changed() => {}
                () = sleep_until(expires_at) => {
                    progress.answered(session, None);
                    return Ok(self.deliver(self.state_at_expiry()));
                }
                () = self.drain.cancelled() => return Err(SessionError::SHUTTING_DOWN),
                () = sleep_until(self.request.deadline.instant()) => {
                    return Err(SessionError::WatchDeadlineExceeded);
                }
            }
        }
    }

    /// Returns when the session counts as expired without an answer that says so: not before
    /// AWS has answered once, unless the first poll fails.
    fn reports_expiry_at(&self) -> Instant {
        if self.latest.borrow().answer.is_some() {
            self.expires_at
        } else {
            self.expires_at.max(self.first_answer_by)
        }
    }

    /// Returns the final result if AWS has returned it without the images that the caller
    /// asks for, and otherwise that the session has expired.
    fn state_at_expiry(&self) -> LivenessResult {
        let latest = self.latest.borrow();
        let known = latest.answer.as_ref().map(|answer| &answer.result);
        let known = known.filter(|result| result.status.is_final()).cloned();
        let expired = || LivenessResult::of_status(self.request.session, SessionStatus::Expired);
        known.unwrap_or_else(expired)
    }

    /// Returns a state, and counts a final one.
    fn deliver(&self, result: LivenessResult) -> SessionResult {
        let result = self.request.judge(result);
        self.metrics.count(&self.flight.timeline, &result);
        result
    }

    /// Returns the newest state, if the caller has not received it.
    ///
    /// # Errors
    /// If there is none, and the polls have failed.
    fn newest(&mut self) -> Result<Option<Arc<ResultAnswer>>, SessionError> {
        let latest = self.latest.borrow_and_update();
        let newest = latest.answer.as_ref().filter(|answer| {
            let is_complete =
                !answer.result.status.is_final() || answer.serves(self.request.image_bytes);
            is_complete && self.sent.as_ref() != Some(&answer.result)
        });
        match (newest, &latest.failure) {
            (None, Some(failure)) => Err(failure.clone()),
            (newest, _) => Ok(newest.cloned()),
        }
    }
}
