//! Ownership of sessions, proven by result tokens.
//!
//! For example, `payments` creates a session for the subject `jane` and receives its result
//! token. Reading the result requires that token, the caller `payments` and the subject
//! `jane`. Any other request fails with [`SessionError::ResultTokenInvalid`], whether or not
//! the session exists, and uses no quota token.

use std::sync::Arc;
use std::time::SystemTime;

use super::{ResultRequest, SessionError};
use crate::model::{CallerId, Clock, SessionId, Subject};
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

    pub(super) fn check(
        &self,
        request: &ResultRequest,
        requirement: TokenRequirement,
    ) -> Result<(), SessionError> {
        let Some(token) = &request.token else {
            return match requirement {
                TokenRequirement::Required => Err(SessionError::ResultTokenInvalid),
                TokenRequirement::Optional => Ok(()),
            };
        };
        let subject = request.subject.as_ref();
        let binding = self.binding(&request.caller, subject, &request.session);
        let verified = self.keys.verify(token, &binding, self.clock.now());
        verified.map_err(|_| SessionError::ResultTokenInvalid)
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
