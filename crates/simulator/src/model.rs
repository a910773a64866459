//! The simulated AWS as a value: a call and the time go in, a plan comes out.
//!
//! It decides everything and awaits nothing. A call that is signed is taken
//! through these doors, in this order:
//!
//! 1. the quota: every call pays, a token's repeat and an invalid one too;
//! 2. the service model: what is wrong with the request is told;
//! 3. the first scripted fault of the operation, or else the profile's chance;
//! 4. the sessions.
//!
//! A call takes effect when it arrives, not when it is answered: a client that
//! goes before the answer has made its session.
//!
//! An example: burst 1, and `create:lost-answer` is scripted. The first create
//! makes session A and hears nothing. The second, at once, is throttled and
//! leaves the script alone. The third, with the same token, is answered A.

mod plan;

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use self::plan::over_quota;
pub(super) use self::plan::{Outcome, Plan};
use super::fault::{Act, Effect, Fault, Script};
use super::limit::Bucket;
use super::operation::{Operation, PerOperation};
use super::profile::Profile;
use super::refusal::Refusal;
use super::reply::Reply;
use super::request::{self, CreateRequest};
use super::sessions::{Created, Sessions};
use super::settings::Settings;
use super::stats::{OperationStats, Stats};

/// The simulated AWS.
#[derive(Debug)]
pub(super) struct Model {
    profile: Profile,
    latency: RangeInclusive<Duration>,
    buckets: PerOperation<Bucket>,
    /// One generator each, so that one operation's calls do not change the
    /// other's weather.
    chance: PerOperation<fastrand::Rng>,
    script: Script,
    sessions: Sessions,
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
            latency,
            faults,
            seed,
            lifetimes,
        } = settings;
        let (create, results) = (profile.effective(create), profile.effective(results));
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut script = Script::default();
        script.enqueue(faults);
        Self {
            profile,
            latency: latency.unwrap_or_else(|| profile.latency()),
            buckets: PerOperation {
                create: Bucket::full(create),
                results: Bucket::full(results),
            },
            chance: PerOperation {
                create: rng.fork(),
                results: rng.fork(),
            },
            script,
            sessions: Sessions::new(lifetimes, rng.fork()),
            stats: Stats {
                profile,
                seed,
                create: OperationStats::new(create),
                results: OperationStats::new(results),
                ..Stats::default()
            },
        }
    }

    pub(super) fn enqueue(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.script.enqueue(faults);
    }

    pub(super) fn clear_faults(&mut self) {
        self.script.clear();
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            sessions_remembered: self.sessions.remembered(),
            ..self.stats.clone()
        }
    }

    /// Counts from zero again; sessions, buckets and script stay.
    pub(super) fn reset_stats(&mut self) {
        self.stats = Stats {
            profile: self.stats.profile,
            seed: self.stats.seed,
            create: OperationStats::new(self.buckets.create.limit()),
            results: OperationStats::new(self.buckets.results.limit()),
            ..Stats::default()
        };
    }

    /// A call whose signature does not hold: it pays nothing.
    pub(super) fn refuse_signature(&mut self, operation: Operation, refusal: &Refusal) -> Plan {
        self.stats.refused_signatures += 1;
        self.tally(operation).calls += 1;
        self.refuse(operation, refusal, Duration::ZERO)
    }

    /// A call whose signature holds.
    pub(super) fn receive(&mut self, operation: Operation, body: &[u8], now: Instant) -> Plan {
        self.tally(operation).calls += 1;
        if !self.buckets.of(operation).take(now) {
            self.tally(operation).throttled += 1;
            let refusal = over_quota(self.chance.of(operation));
            return self.refuse(operation, &refusal, Duration::ZERO);
        }
        self.tally(operation).admitted += 1;
        let wait = self.draw_latency(operation);
        match Request::read(operation, body) {
            Ok(request) => self.play(operation, request, wait, now),
            Err(refusal) => self.refuse(operation, &refusal, wait),
        }
    }

    /// Lets happen to a valid call what is scripted, or drawn, or true.
    fn play(
        &mut self,
        operation: Operation,
        request: Request,
        wait: Duration,
        now: Instant,
    ) -> Plan {
        let Some(effect) = self.next_effect(operation) else {
            let outcome = Outcome::Reply(self.carry_out(request, now));
            return Plan { wait, outcome };
        };
        let wait = wait + effect.delay;
        let asked_for = request.session_id();
        let carried_out = effect
            .is_carried_out()
            .then(|| self.carry_out(request, now));
        if effect.act != Act::TrueAnswer {
            self.tally(operation).failed(&effect.act.name());
        }
        Plan {
            wait,
            outcome: Outcome::of(effect, carried_out, asked_for),
        }
    }

    fn next_effect(&mut self, operation: Operation) -> Option<Effect> {
        if let Some(effect) = self.script.next(operation) {
            self.tally(operation).faults_played += 1;
            return Some(effect);
        }
        let effect = self.profile.draw(self.chance.of(operation))?;
        self.tally(operation).mishaps += 1;
        Some(effect)
    }

    /// The true answer.
    fn carry_out(&mut self, request: Request, now: Instant) -> Reply {
        let (operation, answer) = match request {
            Request::Create(request) => (Operation::Create, self.create(request, now)),
            Request::Results(id) => (Operation::Results, self.sessions.result(id, now)),
        };
        match answer {
            Ok(document) => Reply::json(200, &document),
            Err(refusal) => {
                self.tally(operation).failed(refusal.code);
                Reply::refusal(&refusal)
            }
        }
    }

    fn create(&mut self, request: CreateRequest, now: Instant) -> Result<Value, Refusal> {
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

    fn refuse(&mut self, operation: Operation, refusal: &Refusal, wait: Duration) -> Plan {
        self.tally(operation).failed(refusal.code);
        Plan {
            wait,
            outcome: Outcome::Reply(Reply::refusal(refusal)),
        }
    }

    fn draw_latency(&mut self, operation: Operation) -> Duration {
        let (least, most) = (*self.latency.start(), *self.latency.end());
        let spread = most.saturating_sub(least);
        least + spread.mul_f64(self.chance.of(operation).f64())
    }

    fn tally(&mut self, operation: Operation) -> &mut OperationStats {
        match operation {
            Operation::Create => &mut self.stats.create,
            Operation::Results => &mut self.stats.results,
        }
    }
}

impl Request {
    fn read(operation: Operation, body: &[u8]) -> Result<Self, Refusal> {
        match operation {
            Operation::Create => CreateRequest::read(body).map(Self::Create),
            Operation::Results => request::read_session_id(body).map(Self::Results),
        }
    }

    /// The session that is asked for, where one is.
    fn session_id(&self) -> Option<Uuid> {
        match self {
            Self::Create(_) => None,
            Self::Results(id) => Some(*id),
        }
    }
}

#[cfg(test)]
mod tests;
