//! Creates sessions: authorization, idempotency, admission, attempts, retries.
//!
//! Requests outside a caller's permissions fail first and use no quota token. A repeated
//! request is authorized by the current policy as well. A request id is bound to the
//! requested settings, or to the name of the profile, so a repeat returns the same session
//! even if the profile has changed. For one client request token, this process always sends
//! the settings of the first attempt.
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

use tokio::time::{Instant, timeout_at};

use super::attempts::{AttemptStats, Attempts};
use super::create_request::{CreateRequest, RequestIdRequirement};
use super::{Ownership, SessionError, create_error, request_id_age};
use crate::auth::policy::Authorizer;
use crate::idempotency::{Claimed, Flight, Idempotency};
use crate::model::Deadline;
use crate::model::{ClientRequestToken, Clock, SESSION_LIFE, SessionId, SessionSettings};
use crate::result_token::ResultToken;
use crate::upstream::{AttemptOutput, LivenessApi};

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
    /// The attempts of this call.
    pub stats: AttemptStats,
}

/// Creates sessions in one region.
pub struct Creator<A> {
    api: Arc<A>,
    attempts: Attempts,
    idempotency: Idempotency,
    ownership: Ownership,
    authorizer: Authorizer,
    request_id_requirement: RequestIdRequirement,
}

impl<A: LivenessApi> Creator<A> {
    /// Returns a creator that calls `api` for requests which pass `authorizer`.
    pub fn new(
        api: Arc<A>,
        attempts: Attempts,
        idempotency: Idempotency,
        ownership: Ownership,
        authorizer: Authorizer,
    ) -> Self {
        Self {
            api,
            attempts,
            idempotency,
            ownership,
            authorizer,
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

    /// Returns the authorizer of all requests.
    pub fn authorizer(&self) -> Authorizer {
        self.authorizer.clone()
    }

    /// Creates the session of `request`, or returns the session of its request id.
    ///
    /// If the future is dropped during an attempt, AWS may have created the session. Only a
    /// repeat with the same request id returns it.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn create(&self, request: &CreateRequest) -> Result<Session, SessionError> {
        let settings = self
            .authorizer
            .create(&request.caller, &request.requested)?;
        let Some(request_id) = &request.request_id else {
            let (flight, call) = (
                Flight::unshared(),
                (&ClientRequestToken::random(), &settings),
            );
            let issued = self.issue(request, call, &flight).await?;
            let (id, outcome) = issued.expect("a request without an id has no other replica");
            return self.session(request, id, &flight, outcome);
        };
        request_id_age::refuse_old(request_id, self.clock())?;
        let subject = request.subject.as_ref();
        let token = ClientRequestToken::derive(&request.caller, request_id, subject);
        let flight = self.idempotency.join(&token, &request.requested)?;
        let call = (&token, &settings);
        // Callers that join an in-flight request keep this default.
        let mut outcome = (AttemptStats::default(), Replay::Yes);
        let session = flight.session();
        let session =
            session.get_or_try_init(|| self.create_once(request, call, &flight, &mut outcome));
        let id = await_in_flight(request.deadline, &flight, session).await?;
        self.session(request, id, &flight, outcome)
    }

    /// Returns the session of `flight`: from another replica, or created now. Only the
    /// latter changes `outcome`.
    async fn create_once(
        &self,
        request: &CreateRequest,
        call: (&ClientRequestToken, &SessionSettings),
        flight: &Flight,
        outcome: &mut Outcome,
    ) -> Result<SessionId, SessionError> {
        loop {
            refuse_expired(flight)?;
            if let Some(session) = flight.find(|| self.clock().confirmed_now()).await? {
                return Ok(session);
            }
            refuse_expired(flight)?;
            if let Some((session, issued)) = self.issue(request, call, flight).await? {
                *outcome = issued;
                return Ok(session);
            }
        }
    }

    /// Creates the session. Returns `None` if another replica started to create it while
    /// this request waited for its permit.
    async fn issue(
        &self,
        request: &CreateRequest,
        (token, settings): (&ClientRequestToken, &SessionSettings),
        flight: &Flight,
    ) -> Result<Option<(SessionId, Outcome)>, SessionError> {
        let lease = flight.lease();
        let claim = async || {
            let (now, id) = (self.clock().now(), request.request_id.as_ref());
            let confirmed = self.clock().is_confirmed().then_some(now);
            let sent = request_id_age::earliest_creation(id, now, confirmed);
            Ok(match lease.claim(sent, confirmed).await? {
                Claimed::Acquired => None,
                Claimed::Issued(session) => Some(Issued::Elsewhere(Some(session))),
                Claimed::Held => Some(Issued::Elsewhere(None)),
            })
        };
        let call = async || {
            let settings = flight.first_settings(settings);
            self.api.create(token, settings).await.map(Issued::Here)
        };
        let (caller, deadline) = (&request.caller, request.deadline);
        let (stats, answer) = self.attempts.run(caller, deadline, claim, call).await;
        let answer = answer.map_err(|error| create_error::attribute(&request.requested, error));
        match answer.map_err(|error| create_error::forbid_repeat(request, stats, error))? {
            Issued::Elsewhere(session) => {
                Ok(session.map(|id| (id, (AttemptStats::default(), Replay::Yes))))
            }
            Issued::Here(answer) => {
                // No await between the answer and this line, so cancellation cannot lose
                // the session id.
                let progress = &request.progress;
                progress.answered(answer.value, answer.aws_request_id, stats);
                lease.record_issued(answer.value).await;
                Ok(Some((answer.value, (stats, Replay::No))))
            }
        }
    }

    fn session(
        &self,
        request: &CreateRequest,
        id: SessionId,
        flight: &Flight,
        (stats, replay): (AttemptStats, Replay),
    ) -> Result<Session, SessionError> {
        let sent = flight
            .first_sent()
            .expect("a session exists only after an attempt was sent");
        // AWS's answer may have corrected the clock since the attempt was dated.
        let id_age = request_id_age::age(request.request_id.as_ref(), self.clock().now());
        let time_to_live = sent.time_to_live(Instant::now());
        let time_to_live = time_to_live.min(SESSION_LIFE.saturating_sub(id_age));
        if time_to_live.is_zero() {
            return Err(SessionError::RequestIdExpired);
        }
        if replay == Replay::Yes {
            self.attempts.replayed();
            request.progress.replayed(id);
        }
        let expire_time = sent.at + SESSION_LIFE;
        let subject = request.subject.as_ref();
        let token = self
            .ownership
            .token(&request.caller, subject, &id, expire_time);
        Ok(Session {
            id,
            region: self.ownership.region(),
            create_time: sent.at,
            expire_time,
            result_token: token,
            time_to_live,
            replayed: replay == Replay::Yes,
            stats,
        })
    }

    fn clock(&self) -> &Clock {
        self.ownership.clock()
    }
}

/// Waits for the session of `flight`, which another request may be creating, until this
/// request's own deadline.
async fn await_in_flight(
    deadline: Deadline,
    flight: &Flight,
    session: impl Future<Output = Result<&SessionId, SessionError>>,
) -> Result<SessionId, SessionError> {
    match timeout_at(deadline.instant(), session).await {
        Ok(session) => session.copied(),
        Err(_) if flight.first_sent().is_some() => Err(SessionError::DeadlineExceededUpstream),
        Err(_) => Err(SessionError::DeadlineExceeded),
    }
}

/// The attempts of a call, and whether an earlier call created its session.
type Outcome = (AttemptStats, Replay);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replay {
    No,
    Yes,
}

/// Where a session was created.
enum Issued {
    Here(AttemptOutput<SessionId>),
    /// On another replica, which may not have the session yet.
    Elsewhere(Option<SessionId>),
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
