//! The sessions that were made, and the tokens they were made with.
//!
//! A session changes with its age alone, see `Lifetimes`; nothing runs. Both it
//! and its token are forgotten together, so a token that comes back after that
//! makes a new session.
//!
//! An example: made at 0 s with token `t`. At 10 s, `t` again gives the same
//! session, `t` with another bucket is refused. At 180 s it is EXPIRED, at
//! 480 s `t` makes another.

mod outcome;
mod result;

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use self::outcome::Status;
use super::refusal::Refusal;
use super::request::{CreateRequest, Parameters};
use super::settings::Lifetimes;

/// No more sessions than this are remembered: the oldest go first.
const MAX_SESSIONS: usize = 100_000;

/// All sessions that are remembered.
#[derive(Debug)]
pub(super) struct Sessions {
    lifetimes: Lifetimes,
    rng: fastrand::Rng,
    by_id: HashMap<Uuid, Session>,
    by_token: HashMap<String, Uuid>,
    /// In the order of their making, which is that of their forgetting.
    oldest_first: VecDeque<Uuid>,
    /// How many were ever made.
    made: u64,
}

#[derive(Debug)]
struct Session {
    id: Uuid,
    /// The first has 1; what comes of a session hangs on it.
    number: u64,
    made_at: Instant,
    token: Option<String>,
    parameters: Parameters,
}

/// What a create came to.
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
    pub(super) fn new(lifetimes: Lifetimes, rng: fastrand::Rng) -> Self {
        let (by_id, by_token) = (HashMap::new(), HashMap::new());
        Self {
            lifetimes,
            rng,
            by_id,
            by_token,
            oldest_first: VecDeque::new(),
            made: 0,
        }
    }

    pub(super) fn remembered(&self) -> usize {
        self.by_id.len()
    }

    /// Makes a session, or finds the one that the token made.
    pub(super) fn create(
        &mut self,
        request: CreateRequest,
        now: Instant,
    ) -> Result<Created, Refusal> {
        self.forget(now);
        let CreateRequest { token, parameters } = request;
        let known = token.as_ref().and_then(|token| self.by_token.get(token));
        if let Some(session) = known.and_then(|id| self.by_id.get(id)) {
            return session.repeat(&parameters);
        }
        Ok(Created::New(self.make(token, parameters, now)))
    }

    /// What there is to say of a session.
    pub(super) fn result(&mut self, id: Uuid, now: Instant) -> Result<Value, Refusal> {
        self.forget(now);
        let Some(session) = self.by_id.get(&id) else {
            let message = format!("Session not found: no session has the id {id}");
            return Err(Refusal::new("SessionNotFoundException", message));
        };
        let status = Status::of(session.number, now - session.made_at, &self.lifetimes);
        Ok(result::document(session, status))
    }

    fn make(&mut self, token: Option<String>, parameters: Parameters, now: Instant) -> Uuid {
        let id = uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid();
        self.made += 1;
        if let Some(token) = &token {
            self.by_token.insert(token.clone(), id);
        }
        let number = self.made;
        self.by_id.insert(
            id,
            Session {
                id,
                number,
                made_at: now,
                token,
                parameters,
            },
        );
        self.oldest_first.push_back(id);
        debug_assert_eq!(self.oldest_first.len(), self.by_id.len());
        id
    }

    fn forget(&mut self, now: Instant) {
        while let Some(session) = self.oldest_first.front().and_then(|id| self.by_id.get(id)) {
            let old = now.saturating_duration_since(session.made_at) >= self.lifetimes.forgotten;
            if !old && self.by_id.len() < MAX_SESSIONS {
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
    /// Answers a create that comes with this session's token.
    fn repeat(&self, parameters: &Parameters) -> Result<Created, Refusal> {
        if self.parameters == *parameters {
            return Ok(Created::Replayed(self.id));
        }
        Err(Refusal::new(
            "IdempotentParameterMismatchException",
            "A ClientRequestToken input parameter was reused with an operation, but at least one \
             of the other input parameters is different from the previous call to the operation.",
        ))
    }
}

#[cfg(test)]
mod tests;
