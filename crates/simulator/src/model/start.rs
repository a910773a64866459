//! `StartFaceLivenessSession` in the model. A handshake passes the steps of a call, with the
//! limit of checks under way before the sessions. A fault before the check starts leaves the
//! session as it is, so that another stream can start it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::{Model, Outcome};
use crate::aws_error::AwsError;
use crate::fault::{Effect, FaultAction, Moment};
use crate::operation::Operation;
use crate::sigv4::ChunkVerifier;
use crate::stream::{ChallengeDocument, StartRequest, StreamException};

/// The outcome of a handshake, after a delay.
#[derive(Debug)]
pub(crate) struct StartPlan {
    pub(crate) delay: Duration,
    pub(crate) outcome: StartOutcome,
}

/// The outcome of a handshake.
#[derive(Debug)]
pub(crate) enum StartOutcome {
    /// The handshake fails like any other call.
    NoUpgrade(Outcome),
    /// The stream opens, and an exception is its only message.
    Refused(StreamException),
    /// The stream opens, and the check is under way until [`Model::end_check`].
    Check(Box<CheckPlan>),
}

/// A check that has started.
#[derive(Debug)]
pub(crate) struct CheckPlan {
    pub(crate) session: Uuid,
    pub(crate) document: ChallengeDocument,
    pub(crate) verifier: ChunkVerifier,
    pub(crate) fault: Option<Effect>,
}

impl Model {
    /// Plans the outcome of a handshake with this query and the result of its verification.
    pub(crate) fn start(
        &mut self,
        query: &str,
        verified: Result<ChunkVerifier, AwsError>,
        now: Instant,
    ) -> StartPlan {
        self.stats.start.calls += 1;
        let verifier = match verified {
            Ok(verifier) => verifier,
            Err(error) => {
                self.stats.refused_signatures += 1;
                return self.refuse(error, Duration::ZERO);
            }
        };
        if !self.buckets.start.try_acquire(now) {
            self.stats.start.throttled += 1;
            let error = AwsError::new("ThrottlingException", "Rate exceeded");
            return self.refuse(error, Duration::ZERO);
        }
        self.stats.start.admitted += 1;
        let delay = self.draw_latency(Operation::Start);
        match StartRequest::parse(query) {
            Ok(request) => self.start_with_fault(&request, verifier, delay, now),
            Err(error) => self.refuse(error, delay),
        }
    }

    /// Ends a check that [`start`](Self::start) has started.
    pub(crate) fn end_check(&mut self, session: Uuid, is_complete: bool) {
        self.stats.checks_under_way -= 1;
        if is_complete {
            self.stats.checks_completed += 1;
        } else {
            self.stats.checks_broken_off += 1;
        }
        self.sessions.end_check(session, is_complete);
    }

    fn start_with_fault(
        &mut self,
        request: &StartRequest,
        verifier: ChunkVerifier,
        delay: Duration,
        now: Instant,
    ) -> StartPlan {
        let Some(effect) = self.next_effect(Operation::Start) else {
            return self.start_check(request, verifier, None, delay, now);
        };
        if effect.action != FaultAction::NormalReply {
            self.stats.start.count_error(&effect.action.name());
        }
        let total = delay + effect.delay;
        let exception = match (effect.stream_moment(), &effect.action) {
            (None, _) => return self.start_without_stream(request, verifier, effect, total, now),
            (Some(Moment::AfterPieces(0)), FaultAction::Error(error)) => {
                StreamException::scripted(&error.code)
            }
            (_, FaultAction::WrongRegion) => wrong_region().into(),
            _ => return self.start_check(request, verifier, Some(effect), delay, now),
        };
        StartPlan {
            delay: total,
            outcome: StartOutcome::Refused(exception),
        }
    }

    /// Applies a fault of the handshake.
    fn start_without_stream(
        &mut self,
        request: &StartRequest,
        verifier: ChunkVerifier,
        effect: Effect,
        delay: Duration,
        now: Instant,
    ) -> StartPlan {
        if effect.takes_effect() {
            let plan = self.start_check(request, verifier, None, delay, now);
            if effect.action == FaultAction::NormalReply {
                return plan;
            }
            if let StartOutcome::Check(check) = plan.outcome {
                self.end_check(check.session, false);
            }
        }
        let outcome = StartOutcome::NoUpgrade(Outcome::new(effect, None, None));
        StartPlan { delay, outcome }
    }

    fn start_check(
        &mut self,
        request: &StartRequest,
        verifier: ChunkVerifier,
        fault: Option<Effect>,
        delay: Duration,
        now: Instant,
    ) -> StartPlan {
        if self.stats.checks_under_way >= self.checks.concurrent {
            let limit = self.checks.concurrent;
            let message = format!("{limit} checks are under way, which is the limit");
            let error = AwsError::new("ServiceQuotaExceededException", message);
            return self.refuse(error, delay);
        }
        let challenge = match self
            .sessions
            .start_check(request.session, &request.offered, now)
        {
            Ok(challenge) => challenge,
            Err(error) => return self.refuse(error, delay),
        };
        self.stats.checks_under_way += 1;
        let stats = &mut self.stats;
        stats.most_checks_under_way = stats.most_checks_under_way.max(stats.checks_under_way);
        let document = ChallengeDocument {
            challenge,
            picture: request.picture,
            thresholds: self.checks.thresholds,
        };
        let plan = CheckPlan {
            session: request.session,
            document,
            verifier,
            fault,
        };
        StartPlan {
            delay,
            outcome: StartOutcome::Check(Box::new(plan)),
        }
    }

    fn refuse(&mut self, error: AwsError, delay: Duration) -> StartPlan {
        self.stats.start.count_error(error.code);
        let outcome = StartOutcome::Refused(error.into());
        StartPlan { delay, outcome }
    }
}

/// Browsers look for "valid region" in the message.
fn wrong_region() -> AwsError {
    AwsError::new(
        "InvalidSignatureException",
        "Credential should be scoped to a valid region.",
    )
}
