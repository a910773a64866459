//! Ownership of sessions, proven by result tokens.
//!
//! For example, `payments` creates a session for the subject `jane` and receives its result
//! token. Reading the result requires that token, the caller `payments` and the subject
//! `jane`. Any other request fails with [`SessionError::ResultTokenInvalid`], whether or not
//! the session exists, and uses no quota token.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::{ResultRequest, SessionError};
use crate::model::{CallerId, Clock, SESSION_LIFE, SessionId, Subject};
use crate::result_token::{Binding, ResultToken, TokenKeys};

/// Issues and checks the result tokens of one region's sessions. Clones share the keys.
#[derive(Clone, Debug)]
pub struct Ownership {
    keys: Arc<TokenKeys>,
    region: Arc<str>,
    clock: Clock,
}

/// Whether reading a result needs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRequirement {
    /// The request must contain the session's token.
    Required,
    /// The request may omit the token. A token that is sent must still be valid.
    Optional,
}

impl Ownership {
    /// Returns the ownership of the sessions in `region`, with tokens signed by `keys`.
    #[must_use]
    pub fn new(keys: TokenKeys, region: &str) -> Self {
        Self {
            keys: Arc::new(keys),
            region: Arc::from(region),
            clock: Clock::default(),
        }
    }

    /// Uses `clock` for the times of sessions and tokens.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the clock for the times of sessions and tokens.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn region(&self) -> Arc<str> {
        self.region.clone()
    }

    pub(super) fn token(
        &self,
        caller: &CallerId,
        subject: Option<&Subject>,
        session: &SessionId,
        expire_time: SystemTime,
    ) -> ResultToken {
        let binding = self.binding(caller, subject, session);
        self.keys.issue(&binding, expire_time)
    }

    /// Checks that the request may read the result, and returns when the session expires at
    /// the latest. Without a token, that is a session's life from now. While the time is not
    /// confirmed, a token expires by the earliest time that it can be.
    pub(super) fn check(
        &self,
        request: &ResultRequest,
        requirement: TokenRequirement,
    ) -> Result<Instant, SessionError> {
        let Some(token) = &request.token else {
            return match requirement {
                TokenRequirement::Required => Err(SessionError::ResultTokenInvalid),
                TokenRequirement::Optional => Ok(Instant::now() + SESSION_LIFE),
            };
        };
        let subject = request.subject.as_ref();
        let binding = self.binding(&request.caller, subject, &request.session);
        let now = self.clock.earliest_now();
        let verified = self.keys.verify(token, &binding, now);
        let expire_time = verified.map_err(|_| SessionError::ResultTokenInvalid)?;
        let left = expire_time.duration_since(now).unwrap_or_default();
        Ok(Instant::now() + left.min(SESSION_LIFE))
    }

    fn binding<'a>(
        &'a self,
        caller: &'a CallerId,
        subject: Option<&'a Subject>,
        session: &'a SessionId,
    ) -> Binding<'a> {
        Binding {
            caller,
            subject,
            region: &self.region,
            session,
        }
    }
}
