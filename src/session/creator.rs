//! Issues sessions: policy, idempotency, admission, attempt, retry, answer.
//!
//! What the caller may not have is refused first, and costs nothing; a repeat is
//! judged as the first call was, by the rules of its own moment. A request id is
//! bound to what the caller said: to a profile by its name, so that a repeat gets
//! its session though the profile has changed meanwhile. What AWS is told with a
//! token is what this process told it first.
//!
//! It owns the order of these and the session's life. It knows neither gRPC nor
//! the SDK, and no clock but the caller's deadline and tokio's.
//!
//! ```text
//! t=0    first attempt leaves: create_time          answer lost
//! t=0.4  retry, same token: AWS finds the session of t=0
//! t=0.6  answer: expire_time = create_time + 180 s, time_to_live = 179.4 s
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout_at};

use super::attempts::{AttemptStats, Attempts};
use super::{Ownership, Progress, SessionError};
use crate::auth::policy::Authorizer;
use crate::idempotency::{Acquired, Flight, Idempotency, IdempotencyError};
use crate::model::Deadline;
use crate::model::{
    CallerId, ClientRequestToken, RequestId, RequestedSettings, SESSION_LIFE, SessionId,
    SessionSettings, Subject, wall_clock,
};
use crate::result_token::ResultToken;
use crate::upstream::{AttemptOutput, LivenessApi, UpstreamErrorKind};

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct CreateRequest {
    /// Who asks.
    pub caller: CallerId,
    /// The end user whom it is for; AWS is not told.
    pub subject: Option<Subject>,
    /// The caller's name for the session; `None`: another one at each call.
    pub request_id: Option<RequestId>,
    /// What the session shall be like.
    pub wanted: RequestedSettings,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// Is told what comes of it, even where nobody waits for the answer any more.
    pub witness: Progress,
}

/// A session, and what is left of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name at AWS.
    pub id: SessionId,
    /// The region to stream to.
    pub region: Arc<str>,
    /// When the first attempt to issue it left.
    pub create_time: SystemTime,
    /// When it is gone.
    pub expire_time: SystemTime,
    /// What its result is read with.
    pub result_token: ResultToken,
    /// What is left of its life now.
    pub time_to_live: Duration,
    /// Whether this repeats the answer to an earlier call.
    pub replayed: bool,
    /// What it took.
    pub effort: AttemptStats,
}

/// Issues sessions of one region.
pub struct Creator<A> {
    api: Arc<A>,
    attempts: Attempts,
    idempotency: Idempotency,
    ownership: Ownership,
    policy: Authorizer,
}

impl<A: LivenessApi> Creator<A> {
    /// Issues sessions by `api`, in the region of `ownership`, to those who may have
    /// them by `policy`.
    pub fn new(
        api: Arc<A>,
        attempts: Attempts,
        idempotency: Idempotency,
        ownership: Ownership,
        policy: Authorizer,
    ) -> Self {
        Self {
            api,
            attempts,
            idempotency,
            ownership,
            policy,
        }
    }

    /// Who may ask at all, by the same policy.
    pub fn authorizer(&self) -> Authorizer {
        self.policy.clone()
    }

    /// Issues the session that `order` names, or finds the one it named before.
    ///
    /// Dropped half way, an attempt under way may have made the session: only a
    /// repeat with the same request id brings it back.
    ///
    /// # Errors
    /// As [`SessionError`] says.
    pub async fn create(&self, order: &CreateRequest) -> Result<Session, SessionError> {
        let settings = self.policy.create(&order.caller, &order.wanted)?;
        let Some(request_id) = &order.request_id else {
            let flight = Flight::unshared();
            let call = (&ClientRequestToken::random(), &settings);
            let (effort, issued) = self.issue(order, call, &flight).await;
            return self.answer(order, issued?, &flight, effort, Replay::No);
        };
        refuse_past_life(request_id)?;
        let subject = order.subject.as_ref();
        let token = ClientRequestToken::derive(&order.caller, request_id, subject);
        let flight = self.idempotency.join(&token, &order.wanted)?;
        let call = (&token, &settings);
        // Whoever joins another call has this told, and settles nothing.
        let mut told = (AttemptStats::default(), Replay::Yes);
        let session = flight.session();
        let session = session.get_or_try_init(|| self.settle(order, call, &flight, &mut told));
        let id = joined(order.deadline, &flight, session).await?;
        let (effort, replay) = told;
        self.answer(order, id, &flight, effort, replay)
    }

    /// The session of `claim`: another replica's, or one that is issued now, of
    /// which `told` says what it took.
    async fn settle(
        &self,
        order: &CreateRequest,
        call: (&ClientRequestToken, &SessionSettings),
        flight: &Flight,
        told: &mut (AttemptStats, Replay),
    ) -> Result<SessionId, SessionError> {
        refuse_sent_past_life(flight)?;
        let lease = match flight.acquire(wall_clock).await? {
            Acquired::Issued(session) => return Ok(session),
            Acquired::Lease(lease) => lease,
        };
        refuse_sent_past_life(flight)?;
        let (effort, issued) = self.issue(order, call, flight).await;
        *told = (effort, Replay::No);
        let session = issued?;
        lease.record_issued(session).await;
        Ok(session)
    }

    async fn issue(
        &self,
        order: &CreateRequest,
        call: (&ClientRequestToken, &SessionSettings),
        flight: &Flight,
    ) -> (AttemptStats, Result<SessionId, SessionError>) {
        let (token, settings) = call;
        let call = async || {
            flight.record_sent(wall_clock()).await?;
            let answer = self
                .api
                .create(token, flight.first_settings(settings))
                .await;
            answer.map_err(SessionError::Upstream)
        };
        let run = self.attempts.run(&order.caller, order.deadline, call);
        let (effort, answer) = run.await;
        // Nothing is awaited in between: whoever is dropped is dropped after this.
        let session = answer.map(|answer| {
            let AttemptOutput {
                value,
                aws_request_id,
            } = answer;
            order.witness.answered(value, aws_request_id, effort);
            value
        });
        (
            effort,
            session.map_err(|error| laid_to(&order.wanted, error)),
        )
    }

    fn answer(
        &self,
        order: &CreateRequest,
        id: SessionId,
        flight: &Flight,
        effort: AttemptStats,
        replay: Replay,
    ) -> Result<Session, SessionError> {
        let sent = flight
            .first_sent()
            .expect("a session that was issued was asked for");
        let time_to_live = sent.time_to_live(Instant::now());
        if time_to_live.is_zero() {
            return Err(SessionError::RequestIdExpired);
        }
        if replay == Replay::Yes {
            self.attempts.replayed();
            order.witness.replayed(id);
        }
        let expire_time = sent.at + SESSION_LIFE;
        let subject = order.subject.as_ref();
        let token = self
            .ownership
            .token(&order.caller, subject, &id, expire_time);
        Ok(Session {
            id,
            region: self.ownership.region(),
            create_time: sent.at,
            expire_time,
            result_token: token,
            time_to_live,
            replayed: replay == Replay::Yes,
            effort,
        })
    }
}

/// Waits for the session of `claim`, which another call may be asking for: its
/// deadline is not ours.
async fn joined(
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

/// Whoever wrote a parameter that AWS refuses has to mend it: those of a profile are the
/// operators'.
fn laid_to(wanted: &RequestedSettings, error: SessionError) -> SessionError {
    match (wanted, error) {
        (RequestedSettings::Profile(profile), SessionError::Upstream(error))
            if error.kind == UpstreamErrorKind::InvalidParameter =>
        {
            let profile = profile.clone();
            SessionError::ProfileRefused { profile, error }
        }
        (_, error) => error,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replay {
    No,
    Yes,
}

/// A version 7 id says when it was made: a session of that time would be gone.
fn refuse_past_life(request_id: &RequestId) -> Result<(), SessionError> {
    let now = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    match request_id.created_at() {
        Some(made) if now.saturating_sub(made) > SESSION_LIFE => {
            Err(SessionError::RequestIdExpired)
        }
        _ => Ok(()),
    }
}

fn refuse_sent_past_life(flight: &Flight) -> Result<(), SessionError> {
    let left = flight
        .first_sent()
        .map(|sent| sent.time_to_live(Instant::now()));
    if left.is_some_and(|left| left.is_zero()) {
        return Err(SessionError::RequestIdExpired);
    }
    Ok(())
}

impl From<IdempotencyError> for SessionError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Conflict => Self::RequestIdConflict,
            IdempotencyError::Unavailable(error) => Self::StoreUnavailable(error.to_string()),
        }
    }
}
