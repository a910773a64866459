//! The simulated AWS as a pure state machine: it maps a call and the current time to a
//! [`Plan`], and never awaits. A call with a valid signature passes these steps in order:
//!
//! 1. the quota: every call costs a token, including replays and invalid requests;
//! 2. the service model: an invalid request fails;
//! 3. the next scripted fault of the operation, or else a random fault of the profile;
//! 4. the sessions.
//!
//! A call takes effect on arrival, not with its response: a client that disconnects
//! before the response has created its session.
//!
//! For example, with burst 1 and the scripted fault `create:lost-answer`, the first
//! create makes session A and gets no response. A second one at the same time is
//! throttled and uses no fault. A later one with the token of the first returns A.

mod plan;
mod start;

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use self::plan::throttling_error;
pub(super) use self::plan::{Outcome, Plan};
pub(super) use self::start::{CheckPlan, StartOutcome};
use super::aws_error::AwsError;
use super::check_outcome::CheckOutcome;
use super::fault::{Effect, Fault, FaultAction, Script};
use super::limit::TokenBucket;
use super::operation::{Operation, PerOperation};
use super::profile::Profile;
use super::reply::Reply;
use super::request::{self, CreateRequest};
use super::sessions::{Created, Sessions};
use super::settings::{CheckSettings, Settings};
use super::stats::{OperationStats, Stats};

/// The simulated AWS.
#[derive(Debug)]
pub(super) struct Model {
    profile: Profile,
    latency: RangeInclusive<Duration>,
    buckets: PerOperation<TokenBucket>,
    /// Separate generators, so that the calls of one operation do not change the random
    /// values of the other.
    rngs: PerOperation<fastrand::Rng>,
    script: Script,
    sessions: Sessions,
    checks: CheckSettings,
    stats: Stats,
}

enum Request {
    Create(CreateRequest),
    Results(Uuid),
}

impl Model {
    pub(super) fn new(settings: Settings) -> Self {
        let Settings {
            profile,
            create,
            results,
            start,
            latency,
            faults,
            seed,
            lifetimes,
            checks,
        } = settings;
        let [create, results, start] =
            [create, results, start].map(|limit| profile.effective_limit(limit));
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut script = Script::default();
        script.enqueue(faults);
        let (create_rng, results_rng) = (rng.fork(), rng.fork());
        let sessions = Sessions::new(lifetimes, checks, rng.fork());
        Self {
            profile,
            latency: latency.unwrap_or_else(|| profile.latency()),
            buckets: PerOperation {
                create: TokenBucket::new(create),
                results: TokenBucket::new(results),
                start: TokenBucket::new(start),
            },
            rngs: PerOperation {
                create: create_rng,
                results: results_rng,
                start: rng.fork(),
            },
            script,
            sessions,
            checks,
            stats: Stats::new(profile, seed, [create, results, start]),
        }
    }

    pub(super) fn enqueue(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.script.enqueue(faults);
    }

    pub(super) fn clear_faults(&mut self) {
        self.script.clear();
    }

    /// Sets the outcome of one session. Returns whether the session exists.
    pub(super) fn set_outcome(&mut self, session: Uuid, outcome: CheckOutcome) -> bool {
        self.sessions.set_outcome(session, outcome)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            sessions_remembered: self.sessions.len(),
            ..self.stats.clone()
        }
    }

    /// Sets all counters to zero; sessions, buckets and scripted faults stay.
    pub(super) fn reset_stats(&mut self) {
        let buckets = &self.buckets;
        let limits = [&buckets.create, &buckets.results, &buckets.start].map(TokenBucket::limit);
        let checks_under_way = self.stats.checks_under_way;
        self.stats = Stats {
            checks_under_way,
            most_checks_under_way: checks_under_way,
            ..Stats::new(self.stats.profile, self.stats.seed, limits)
        };
    }

    /// Plans the response to a call with an invalid signature, which costs no quota.
    pub(super) fn reject_signature(&mut self, operation: Operation, error: &AwsError) -> Plan {
        self.stats.refused_signatures += 1;
        self.stats_of(operation).calls += 1;
        self.fail(operation, error, Duration::ZERO)
    }

    /// Plans the response to a call with a valid signature.
    pub(super) fn receive(&mut self, operation: Operation, body: &[u8], now: Instant) -> Plan {
        self.stats_of(operation).calls += 1;
        if !self.buckets.get_mut(operation).try_acquire(now) {
            self.stats_of(operation).throttled += 1;
            let error = throttling_error(self.rngs.get_mut(operation));
            return self.fail(operation, &error, Duration::ZERO);
        }
        self.stats_of(operation).admitted += 1;
        let delay = self.draw_latency(operation);
        match Request::parse(operation, body) {
            Ok(request) => self.execute(operation, request, delay, now),
            Err(error) => self.fail(operation, &error, delay),
        }
    }

    /// Executes a valid request with its scripted or random fault, if any.
    fn execute(
        &mut self,
        operation: Operation,
        request: Request,
        delay: Duration,
        now: Instant,
    ) -> Plan {
        let Some(effect) = self.next_effect(operation) else {
            let outcome = Outcome::Reply(self.commit(request, now));
            return Plan { delay, outcome };
        };
        let delay = delay + effect.delay;
        let session_id = request.session_id();
        let normal_reply = effect.takes_effect().then(|| self.commit(request, now));
        if effect.action != FaultAction::NormalReply {
            self.stats_of(operation).count_error(&effect.action.name());
        }
        Plan {
            delay,
            outcome: Outcome::new(effect, normal_reply, session_id),
        }
    }

    fn next_effect(&mut self, operation: Operation) -> Option<Effect> {
        if let Some(effect) = self.script.next(operation) {
            self.stats_of(operation).faults_played += 1;
            return Some(effect);
        }
        let effect = self.profile.draw_fault(self.rngs.get_mut(operation))?;
        self.stats_of(operation).random_faults += 1;
        Some(effect)
    }

    /// Applies a request and returns its normal response.
    fn commit(&mut self, request: Request, now: Instant) -> Reply {
        let (operation, result) = match request {
            Request::Create(request) => (Operation::Create, self.create(request, now)),
            Request::Results(id) => (Operation::Results, self.sessions.result(id, now)),
        };
        match result {
            Ok(document) => Reply::json(200, &document),
            Err(error) => {
                self.stats_of(operation).count_error(error.code);
                Reply::error(&error)
            }
        }
    }

    fn create(&mut self, request: CreateRequest, now: Instant) -> Result<Value, AwsError> {
        let has_token = request.token.is_some();
        let created = self.sessions.create(request, now)?;
        match created {
            Created::New(_) => {
                self.stats.sessions_made += 1;
                self.stats.distinct_tokens += u64::from(has_token);
            }
            Created::Replayed(_) => self.stats.replays += 1,
        }
        Ok(json!({"SessionId": created.id().to_string()}))
    }

    fn fail(&mut self, operation: Operation, error: &AwsError, delay: Duration) -> Plan {
        self.stats_of(operation).count_error(error.code);
        Plan {
            delay,
            outcome: Outcome::Reply(Reply::error(error)),
        }
    }

    fn draw_latency(&mut self, operation: Operation) -> Duration {
        let (min, max) = (*self.latency.start(), *self.latency.end());
        let spread = max.saturating_sub(min);
        min + spread.mul_f64(self.rngs.get_mut(operation).f64())
    }

    fn stats_of(&mut self, operation: Operation) -> &mut OperationStats {
        match operation {
            Operation::Create => &mut self.stats.create,
            Operation::Results => &mut self.stats.results,
            Operation::Start => &mut self.stats.start,
        }
    }
}

impl Request {
    fn parse(operation: Operation, body: &[u8]) -> Result<Self, AwsError> {
        match operation {
            Operation::Create => CreateRequest::parse(body).map(Self::Create),
            Operation::Results => request::parse_session_id(body).map(Self::Results),
            // Its request is a handshake: see `Model::start`.
            Operation::Start => Err(AwsError::unknown_operation()),
        }
    }

    /// Returns the session id of a request for results.
    fn session_id(&self) -> Option<Uuid> {
        match self {
            Self::Create(_) => None,
            Self::Results(id) => Some(*id),
        }
    }
}

#[cfg(test)]
mod tests;
