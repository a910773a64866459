//! Sessions and their `ClientRequestToken`s.
//!
//! The status of a session depends on its age (see `Lifetimes`) until a stream takes it
//! over ([`check`]), so no task runs.
//! A session and its token are deleted together; the token creates a new session after
//! that.
//!
//! For example, a session is created at 0 s with token `t`. At 10 s, a create with `t`
//! returns the same session, and one with `t` and another bucket fails. At 180 s the
//! session is EXPIRED, and at 480 s `t` creates a new one.

mod check;
mod result;
mod status;

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use self::check::Check;
use self::status::Status;
use super::aws_error::AwsError;
use super::check_outcome::CheckOutcome;
use super::request::{CreateRequest, Parameters};
use super::settings::{CheckSettings, Lifetimes};

/// The capacity: beyond it, the oldest sessions are deleted.
const MAX_SESSIONS: usize = 100_000;

/// All sessions in memory.
#[derive(Debug)]
pub(super) struct Sessions {
    lifetimes: Lifetimes,
    settings: CheckSettings,
    rng: fastrand::Rng,
    by_id: HashMap<Uuid, Session>,
    by_token: HashMap<String, Uuid>,
    /// Session ids in the order of creation, which is also that of deletion.
    oldest_first: VecDeque<Uuid>,
    /// The number of sessions created since the start.
    created: u64,
}

#[derive(Debug)]
struct Session {
    id: Uuid,
    /// The serial number, from 1, which selects the result.
    number: u64,
    created_at: Instant,
    token: Option<String>,
    parameters: Parameters,
    check: Check,
    /// The outcome of this session, in place of the one for all.
    outcome: Option<CheckOutcome>,
}

/// The session of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    New(Uuid),
    Replayed(Uuid),
}

impl Created {
    pub(super) fn id(self) -> Uuid {
        match self {
            Self::New(id) | Self::Replayed(id) => id,
        }
    }
}

impl Sessions {
    pub(super) fn new(lifetimes: Lifetimes, settings: CheckSettings, rng: fastrand::Rng) -> Self {
        let (by_id, by_token) = (HashMap::new(), HashMap::new());
        Self {
            lifetimes,
            settings,
            rng,
            by_id,
            by_token,
            oldest_first: VecDeque::new(),
            created: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Creates a session, or returns the existing one of the token.
    pub(super) fn create(
        &mut self,
        request: CreateRequest,
        now: Instant,
    ) -> Result<Created, AwsError> {
        self.delete_old(now);
        let CreateRequest { token, parameters } = request;
        let existing = token.as_ref().and_then(|token| self.by_token.get(token));
        if let Some(session) = existing.and_then(|id| self.by_id.get(id)) {
            return session.replay(&parameters);
        }
        Ok(Created::New(self.insert(token, parameters, now)))
    }

    /// Returns the response of `GetFaceLivenessSessionResults`.
    pub(super) fn result(&mut self, id: Uuid, now: Instant) -> Result<Value, AwsError> {
        self.delete_old(now);
        let Some(session) = self.by_id.get(&id) else {
            let message = format!("Session not found: no session has the id {id}");
            return Err(AwsError::new("SessionNotFoundException", message));
        };
        let age = now - session.created_at;
        let status = Status::new(session, age, &self.lifetimes, &self.settings);
        Ok(result::document(session, status))
    }

    fn insert(&mut self, token: Option<String>, parameters: Parameters, now: Instant) -> Uuid {
        let id = uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid();
        self.created += 1;
        if let Some(token) = &token {
            self.by_token.insert(token.clone(), id);
        }
        let number = self.created;
        self.by_id.insert(
            id,
            Session {
                id,
                number,
                created_at: now,
                token,
                parameters,
                check: Check::NotStarted,
                outcome: None,
            },
        );
        self.oldest_first.push_back(id);
        debug_assert_eq!(self.oldest_first.len(), self.by_id.len());
        id
    }

    fn delete_old(&mut self, now: Instant) {
        while let Some(session) = self.oldest_first.front().and_then(|id| self.by_id.get(id)) {
            let age = now.saturating_duration_since(session.created_at);
            if age < self.lifetimes.forgotten && self.by_id.len() < MAX_SESSIONS {
                return;
            }
            let id = session.id;
            if let Some(token) = &session.token {
                self.by_token.remove(token);
            }
            self.by_id.remove(&id);
            self.oldest_first.pop_front();
        }
    }
}

impl Session {
    /// Responds to a create with the token of this session.
    fn replay(&self, parameters: &Parameters) -> Result<Created, AwsError> {
        if self.parameters == *parameters {
            return Ok(Created::Replayed(self.id));
        }
        Err(AwsError::new(
            "IdempotentParameterMismatchException",
            "A ClientRequestToken input parameter was reused with an operation, but at least one \
             of the other input parameters is different from the previous call to the operation.",
        ))
    }
}

#[cfg(test)]
mod tests;
