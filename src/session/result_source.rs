//! Where results come from: AWS, a read that is under way, or the final answer in memory.
//!
//! Reads and polls of one session share a [`ResultFlight`], so at most one of them calls
//! AWS at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::attempts::{AttemptPolicy, Attempts, UnsentPermit};
use super::poll_schedule::PollTarget;
use super::poller::{PollTurn, Polls};
use super::result_flight::{ResultAnswer, ResultFlight};
use super::{CheckMetrics, Progress, ResultRequest, Served, SessionError};
use crate::model::{Deadline, LivenessResult, SESSION_LIFE, SessionId, SessionStatus};
use crate::retry::AfterPollError;
use crate::single_flight::{FlightGuard, SingleFlight};
use crate::upstream::{AttemptOutput, LivenessApi, UpstreamError};

/// The memory for final answers, in bytes: 60 with five images of the largest size, or
/// 60,000 without images.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// The longest duration of a poll.
pub(super) const POLL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a poll that waits for a quota token delays those of other callers at most.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);

/// The results of all sessions.
pub(super) struct ResultSource<A> {
    api: Arc<A>,
    pub(super) attempts: AttemptPolicy,
    flights: SingleFlight<SessionId, ResultFlight>,
    pub(super) polls: Arc<Polls>,
    pub(super) metrics: CheckMetrics,
}

impl<A: LivenessApi> ResultSource<A> {
    pub(super) fn new(
        api: Arc<A>,
        attempts: AttemptPolicy,
        polls: Polls,
        metrics: CheckMetrics,
    ) -> Self {
        let kept = Cache::builder()
            .max_capacity(CACHE_BYTES)
            .weigher(|_, flight: &Arc<ResultFlight>| flight.bytes())
            .time_to_live(SESSION_LIFE)
            .build();
        Self {
            api,
            attempts,
            flights: SingleFlight::new(kept),
            polls: Arc::new(polls),
            metrics,
        }
    }

    /// Joins the flight of a session that expires at `expires_at`.
    pub(super) fn join(
        &self,
        session: &SessionId,
        expires_at: Instant,
    ) -> FlightGuard<SessionId, ResultFlight> {
        self.flights.join(session, || ResultFlight::new(expires_at))
    }

    /// Returns the final answer, that of a concurrent read, or one of AWS.
    pub(super) async fn read(
        &self,
        request: &ResultRequest,
        flight: &ResultFlight,
        progress: &mut Progress,
    ) -> Result<Arc<ResultAnswer>, SessionError> {
        flight.request(request.image_bytes);
        if let Some(answer) = flight.final_answer(request.image_bytes, Instant::now()) {
            progress.served = Served::Cached;
            return Ok(answer);
        }
        let published = flight.subscribe();
        let turn = timeout_at(request.deadline.instant(), flight.turn()).await;
        let _turn = turn.map_err(|_| SessionError::DeadlineExceeded)?;
        if published.has_changed().unwrap_or(false)
            && let Some(answer) = flight.answer(request.image_bytes)
        {
            progress.served = Served::Coalesced;
            return Ok(answer);
        }
        self.attempt(request, flight, progress).await
    }

    /// Sends attempts until one succeeds or no further attempt is made.
    async fn attempt(
        &self,
        request: &ResultRequest,
        flight: &ResultFlight,
        progress: &mut Progress,
    ) -> Result<Arc<ResultAnswer>, SessionError> {
        let (caller, session) = (&request.caller, &request.session);
        let mut attempts = self.attempts.attempts(caller, request.deadline, progress);
        loop {
            let permit = attempts.acquire_permit().await?;
            self.polls.count_read();
            match attempts.send(permit, self.call(session)).await {
                Ok(output) => return Ok(self.publish(session, flight, output)),
                Err(error) => sleep(attempts.retry_delay(error)?).await,
            }
        }
    }

    /// Reads a watched session once, and returns whether its next poll is scheduled. `turn`
    /// is dropped once the poll has a quota token.
    pub(super) async fn poll(&self, target: &PollTarget, mut turn: PollTurn) -> bool {
        let flight = self.join(&target.session, target.expires_at);
        let deadline = Deadline::after(Instant::now(), POLL_TIMEOUT);
        let mut progress = Progress::default();
        let mut attempts = self
            .attempts
            .attempts(&target.caller, deadline, &mut progress);
        if self.attempts.is_held_back(&target.caller) {
            turn.pass_on();
        }
        let Ok(permit) = acquire_in_turn(&mut attempts, turn).await else {
            return false;
        };
        let Ok(_turn) = flight.try_turn() else {
            // A read calls AWS already, and watchers receive its answer.
            return false;
        };
        match attempts.send(permit, self.call(&target.session)).await {
            Ok(output) => {
                self.publish(&target.session, &flight, output);
                true
            }
            Err(error) => {
                let is_soon = flight.poll_failed(error) == AfterPollError::PollSoon;
                if is_soon {
                    // The shortest interval.
                    let status = Some(SessionStatus::InProgress);
                    self.polls.polled(&target.session, status);
                }
                is_soon
            }
        }
    }

    async fn call(
        &self,
        session: &SessionId,
    ) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        of_session(session, self.api.result(session).await?)
    }

    fn publish(
        &self,
        session: &SessionId,
        flight: &ResultFlight,
        output: AttemptOutput<LivenessResult>,
    ) -> Arc<ResultAnswer> {
        let answer = flight.publish(output);
        let status = answer.result.status;
        self.polls.polled(session, Some(status));
        let mut timeline = flight.timeline.lock();
        if timeline.record(status, Instant::now()) {
            self.metrics.observe(&timeline, flight.expires_at);
        }
        answer
    }
}

/// Waits for a permit, and holds back the polls of other callers for a limited time.
async fn acquire_in_turn<'a>(
    attempts: &mut Attempts<'a>,
    mut turn: PollTurn,
) -> Result<UnsentPermit<'a>, SessionError> {
    let mut permit = pin!(attempts.acquire_permit());
    if let Ok(permit) = timeout(TURN_TIMEOUT, &mut permit).await {
        return permit;
    }
    turn.pass_on();
    permit.await
}

/// Returns `answer` if it is about `session`. The result of another session must not reach
/// this caller.
fn of_session(
    session: &SessionId,
    answer: AttemptOutput<LivenessResult>,
) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
    if answer.value.session_id == *session {
        return Ok(answer);
    }
    Err(UpstreamError {
        aws_request_id: answer.aws_request_id,
        ..UpstreamError::invalid_response("the result is for another session")
    })
}
