//! Whose a session is: its creator hands out a token, its reader asks for it.
//!
//! An example: `payments` is issued a session for the subject `jane`, and its
//! token. It reads the result with that token, as `payments`, for `jane`. Anything
//! else is told [`SessionError::ResultTokenInvalid`], before a slot of the quota is
//! asked for, whether or not there is such a session.

use std::sync::Arc;
use std::time::SystemTime;

use super::{ResultRequest, SessionError};
use crate::model::{CallerId, SessionId, Subject, wall_clock};
use crate::result_token::{Binding, ResultToken, TokenKeys};

/// Ties the sessions of one region to those who asked for them. Clones share the
/// keys.
#[derive(Clone, Debug)]
pub struct Ownership {
    keys: Arc<TokenKeys>,
    region: Arc<str>,
}

/// What a reader must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRequirement {
    /// The session's token.
    Required,
    /// Nothing; but a token that is shown must be right.
    Optional,
}

impl Ownership {
    /// Of the sessions of `region`, by tokens of `keys`.
    #[must_use]
    pub fn new(keys: TokenKeys, region: &str) -> Self {
        Self {
            keys: Arc::new(keys),
            region: Arc::from(region),
        }
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
        reading: &ResultRequest,
        proof: TokenRequirement,
    ) -> Result<(), SessionError> {
        let Some(token) = &reading.token else {
            return match proof {
                TokenRequirement::Required => Err(SessionError::ResultTokenInvalid),
                TokenRequirement::Optional => Ok(()),
            };
        };
        let subject = reading.subject.as_ref();
        let binding = self.binding(&reading.caller, subject, &reading.session);
        let verified = self.keys.verify(token, &binding, wall_clock());
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
