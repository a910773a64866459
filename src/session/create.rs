//! Creates sessions: permissions, idempotency, and the loop of attempts.
//!
//! Requests outside a caller's permissions fail first and use no quota token. A repeated
//! request needs the current permissions as well, and one that waits needs that for the
//! method. A request id is bound to the requested settings, or to the name of the profile, so
//! a repeat returns the same session even if the profile has changed. For one client request
//! token, this process always sends the settings of the first attempt.
//!
//! This module owns the order of these steps and the session's lifetime. It knows neither
//! gRPC nor the AWS SDK.
//!
//! ```text
//! t=0    first attempt sent: create_time            response lost
//! t=0.4  retry with the same token: AWS returns the session of t=0
//! t=0.6  response: expire_time = create_time + 180 s, time_to_live = 179.4 s
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{FutureExt as _, TryFutureExt as _};
use tokio::time::{Instant, sleep, timeout_at};

use super::attempts::AttemptPolicy;
use super::create_request::{CreateRequest, RequestIdRequirement};
use super::{Ownership, Progress, SessionError, request_id_age};
use crate::idempotency::{Claimed, Flight, Idempotency, IdempotencyError, Lease, RequestFlight};
use crate::model::{
    ClientRequestToken, Clock, Deadline, Operation, SESSION_LIFE, SessionId, SessionSettings,
};
use crate::result_token::ResultToken;
use crate::upstream::LivenessApi;

/// A session and its remaining lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session's id at AWS.
    pub id: SessionId,
    /// The region to stream to.
    pub region: Arc<str>,
    /// When the first attempt to create the session was sent.
    pub create_time: SystemTime,
    /// When the session expires.
    pub expire_time: SystemTime,
    /// The token required to read the result.
    pub result_token: ResultToken,
    /// The session's remaining life.
    pub time_to_live: Duration,
    /// Whether an earlier call created the session.
    pub replayed: bool,
}

/// Creates sessions in one region.
pub struct Creator<A> {
    api: Arc<A>,
    attempts: AttemptPolicy,
    idempotency: Idempotency,
    ownership: Ownership,
    request_id_requirement: RequestIdRequirement,
}

impl<A: LivenessApi> Creator<A> {
    /// Returns a creator that calls `api` as `attempts` and `idempotency` allow.
    pub fn new(
        api: Arc<A>,
        attempts: AttemptPolicy,
        idempotency: Idempotency,
        ownership: Ownership,
    ) -> Self {
        Self {
            api,
            attempts,
            idempotency,
            ownership,
            request_id_requirement: RequestIdRequirement::default(),
        }
    }

    /// Sets whether requests need a request id. By default, they do not.
    #[must_use]
    pub fn with_request_id_requirement(self, request_id_requirement: RequestIdRequirement) -> Self {
        Self {
            request_id_requirement,
            ..self
        }
    }

    /// Returns whether requests need a request id.
    pub fn request_id_requirement(&self) -> RequestIdRequirement {
        self.request_id_requirement
    }

    /// Creates the session of `request`, or returns the session of its request id. Updates
    /// `progress`, which remains if the future is dropped.
    ///
    /// If the future is dropped during an attempt, AWS may have created the session. Only a
    /// repeat with the same request id returns it.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn create(
        &self,
        request: &CreateRequest,
        progress: &mut Progress,
    ) -> Result<Session, SessionError> {
        let settings = request.permissions.settings(&request.requested)?;
        let (token, flight) = self.join(request)?;
        let call = (&token, &settings);
        match self.find_or_issue(request, call, &flight, progress).await {
            Ok(id) => self.session(request, id, &flight, progress),
            Err(error) => Err(explain(error, request, &flight, progress)),
        }
    }

    /// Joins the flight of the request id. A request without an id has one of its own.
    fn join(
        &self,
        request: &CreateRequest,
    ) -> Result<(ClientRequestToken, RequestFlight), SessionError> {
        let Some(request_id) = &request.request_id else {
            let unshared = RequestFlight::unshared(Flight::unrecorded());
            return Ok((ClientRequestToken::random(), unshared));
        };
        request_id_age::refuse_old(request_id, self.clock())?;
        let subject = request.subject.as_ref();
        let token = ClientRequestToken::derive(&request.caller, request_id, subject);
        let flight = self.idempotency.join(&token, &request.requested)?;
        Ok((token, flight))
    }

    /// Returns the session of `flight`. Of the concurrent requests with one id, the first
    /// one issues it. The others wait, and if it fails or is dropped, the next one tries.
    async fn find_or_issue(
        &self,
        request: &CreateRequest,
        call: (&ClientRequestToken, &SessionSettings),
        flight: &Flight,
        progress: &mut Progress,
    ) -> Result<SessionId, SessionError> {
        let permissions = &request.permissions;
        let turn = timeout_at(request.deadline.instant(), flight.turn());
        let turn = turn.map_err(|_| SessionError::DeadlineExceeded);
        let mut session = permissions.while_allowed(Operation::Create, turn).await?;
        if let Some(session) = *session {
            progress.replayed = true;
            return Ok(session);
        }
        let issued = self.issue(request, call, flight, progress).await?;
        *session = Some(issued);
        Ok(issued)
    }

    /// Sends attempts until one creates the session, another replica has created it, or no
    /// further attempt is made.
    async fn issue(
        &self,
        request: &CreateRequest,
        (token, settings): (&ClientRequestToken, &SessionSettings),
        flight: &Flight,
        progress: &mut Progress,
    ) -> Result<SessionId, SessionError> {
        let (permissions, deadline) = (&request.permissions, request.deadline);
        let mut attempts = self.attempts.attempts(&request.caller, deadline, progress);
        let mut lease = flight.lease();
        loop {
            let found = in_time(deadline, lease.find(|| self.clock().confirmed_now()));
            let found = permissions.while_allowed(Operation::Create, found);
            if let Some(session) = found.await? {
                attempts.progress.replayed = true;
                return Ok(session);
            }
            refuse_expired(flight)?;
            let permit = attempts.acquire_permit();
            let permit = permissions.while_allowed(Operation::Create, permit).await?;
            let claimed = in_time(deadline, self.claim(&mut lease, request)).await?;
            if claimed != Claimed::Acquired {
                continue;
            }
            let settings = flight.first_settings(settings);
            match attempts
                .send(permit, self.api.create(token, settings))
                .await
            {
                Ok(answer) => {
                    // No await between the answer and this line, so cancellation cannot
                    // lose the session id.
                    let session = answer.value;
                    attempts.progress.answered(session, answer.aws_request_id);
                    request_id_age::date_again(request, flight, self.clock());
                    lease.record_issued(session, deadline).await;
                    return Ok(session);
                }
                Err(error) => sleep(attempts.retry_delay(error)?).await,
            }
        }
    }

    /// Records that an attempt is about to be sent, unless another replica sends one.
    async fn claim(
        &self,
        lease: &mut Lease<'_>,
        request: &CreateRequest,
    ) -> Result<Claimed, IdempotencyError> {
        let (confirmed, id) = (self.clock().confirmed_now(), request.request_id.as_ref());
        let now = confirmed.unwrap_or_else(|| self.clock().now());
        let sent = request_id_age::earliest_creation(id, now, confirmed);
        lease.claim(sent, confirmed).await
    }

    fn session(
        &self,
        request: &CreateRequest,
        id: SessionId,
        flight: &Flight,
        progress: &mut Progress,
    ) -> Result<Session, SessionError> {
        request_id_age::date_again(request, flight, self.clock());
        let sent = flight
            .first_sent()
            .expect("a session exists only after an attempt was sent");
        let confirmed = self.clock().confirmed_now();
        let time_to_live = sent.time_to_live_by(confirmed, Instant::now());
        if time_to_live.is_zero() {
            return Err(SessionError::RequestIdExpired);
        }
        progress.session = Some(id);
        if progress.replayed {
            self.attempts.replayed();
        }
        let expire_time = sent.at + SESSION_LIFE;
        let (ownership, subject) = (&self.ownership, request.subject.as_ref());
        Ok(Session {
            id,
            region: ownership.region(),
            create_time: sent.at,
            expire_time,
            result_token: ownership.token(&request.caller, subject, &id, expire_time),
            time_to_live,
            replayed: progress.replayed,
        })
    }

    fn clock(&self) -> &Clock {
        self.ownership.clock()
    }
}

/// Awaits `step` until `deadline`.
fn in_time<T, E>(
    deadline: Deadline,
    step: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, SessionError>>
where
    SessionError: From<E>,
{
    let in_time = timeout_at(deadline.instant(), step);
    in_time.map(|done| done.map_or(Err(SessionError::DeadlineExceeded), |step| Ok(step?)))
}

/// Refuses a request id whose session has expired.
fn refuse_expired(flight: &Flight) -> Result<(), SessionError> {
    let left = flight
        .first_sent()
        .map(|sent| sent.time_to_live(Instant::now()));
    if left.is_some_and(|left| left.is_zero()) {
        return Err(SessionError::RequestIdExpired);
    }
    Ok(())
}

/// Returns what `error` means for the caller. After an attempt, a session may exist: only a
/// repeat with the same request id returns it, so a request without an id must not be
/// repeated.
fn explain(
    error: SessionError,
    request: &CreateRequest,
    flight: &Flight,
    progress: &Progress,
) -> SessionError {
    let error = match (error, &request.requested) {
        (SessionError::DeadlineExceeded, _) if flight.first_sent().is_some() => {
            SessionError::DeadlineExceededUpstream
        }
        (SessionError::Upstream(error), requested) => SessionError::of_create(error, requested),
        (error, _) => error,
    };
    if request.request_id.is_none() && progress.outcome_unknown {
        return SessionError::OutcomeUnknown(Box::new(error));
    }
    error
}
