//! A scripted AWS that records its calls.
//!
//! Planned steps run first, in order. After them every create call succeeds at once: it
//! returns the session of its token, and creates it if it does not exist.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use livegate::model::{
    ClientRequestToken, Clock, ClockSource, LivenessResult, SessionId, SessionSettings,
    SessionStatus, wall_clock,
};
use livegate::upstream::{AttemptOutput, LivenessApi, UpstreamError, UpstreamErrorKind};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// The outcome of one attempt, and its delay.
pub(crate) struct Step {
    after: Duration,
    outcome: StepOutcome,
}

/// The AWS request id of every answer.
pub(crate) const AWS_REQUEST_ID: &str = "7f3a0c52-4a0c-4f0e-9d0a-0d5b7c1e2f3a";

enum StepOutcome {
    Session,
    Result(Box<LivenessResult>),
    Error(UpstreamError),
    Never,
    Panic,
}

/// One create attempt as AWS received it.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) token: String,
    pub(crate) settings: SessionSettings,
    pub(crate) at: Instant,
}

#[derive(Default)]
pub(crate) struct Aws {
    plan: Mutex<VecDeque<Step>>,
    attempts: Mutex<Vec<Attempt>>,
    sessions: Mutex<HashMap<String, SessionId>>,
    reads: Mutex<Vec<String>>,
    date: Mutex<Option<(Clock, i64)>>,
}

/// Returns the result of a session without a video.
pub(crate) fn created(session: &str) -> LivenessResult {
    LivenessResult {
        session_id: SessionId::parse(session).expect("a lower-case UUID"),
        status: SessionStatus::Created,
        confidence: None,
        reference_image: None,
        audit_images: Vec::new(),
        challenge: None,
        feedback: Vec::new(),
        sdk_type: None,
    }
}

/// Returns the session of the attempt's token.
pub(crate) fn answers() -> Step {
    Step::of(StepOutcome::Session)
}

pub(crate) fn fails(kind: UpstreamErrorKind) -> Step {
    fails_with(UpstreamError::bare(kind))
}

pub(crate) fn fails_with(error: UpstreamError) -> Step {
    Step::of(StepOutcome::Error(error))
}

pub(crate) fn reads(result: LivenessResult) -> Step {
    Step::of(StepOutcome::Result(Box::new(result)))
}

/// Never answers.
pub(crate) fn never_answers() -> Step {
    Step::of(StepOutcome::Never)
}

pub(crate) fn panics() -> Step {
    Step::of(StepOutcome::Panic)
}

impl Step {
    fn of(outcome: StepOutcome) -> Self {
        let after = Duration::ZERO;
        Self { after, outcome }
    }

    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

impl Aws {
    /// Plans the outcomes of the next attempts.
    pub(crate) fn plan(&self, steps: impl IntoIterator<Item = Step>) {
        self.plan.lock().extend(steps);
    }

    /// Returns the create attempts so far, in order.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().clone()
    }

    /// Returns the times between consecutive create attempts.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let attempts = self.attempts();
        let pairs = attempts.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// Returns the sessions whose results were read, in order.
    pub(crate) fn reads(&self) -> Vec<String> {
        self.reads.lock().clone()
    }

    /// Passes AWS's time to `clock` with every answer: this many seconds after the wall clock.
    pub(crate) fn is_ahead(&self, seconds: i64, clock: &Clock) {
        *self.date.lock() = Some((clock.clone(), seconds));
    }

    async fn play(&self, step: Step) -> Result<StepOutcome, UpstreamError> {
        let outcome = step.play().await;
        if let Some((clock, ahead)) = &*self.date.lock() {
            let distance = Duration::from_secs(ahead.unsigned_abs());
            let time = if *ahead < 0 {
                wall_clock() - distance
            } else {
                wall_clock() + distance
            };
            clock.observe(ClockSource::Aws, time);
        }
        outcome
    }

    fn next_step(&self) -> Option<Step> {
        self.plan.lock().pop_front()
    }

    fn session(&self, token: &str) -> SessionId {
        let new = || SessionId::parse(&Uuid::new_v4().to_string()).expect("a lower-case UUID");
        *self
            .sessions
            .lock()
            .entry(token.to_owned())
            .or_insert_with(new)
    }
}

impl LivenessApi for Aws {
    async fn create(
        &self,
        token: &ClientRequestToken,
        settings: &SessionSettings,
    ) -> Result<AttemptOutput<SessionId>, UpstreamError> {
        let token = token.expose().to_owned();
        self.attempts.lock().push(Attempt {
            token: token.clone(),
            settings: settings.clone(),
            at: Instant::now(),
        });
        let step = self.next_step().unwrap_or_else(answers);
        let StepOutcome::Session = self.play(step).await? else {
            panic!("the planned step is for a read")
        };
        Ok(answered(self.session(&token)))
    }

    async fn result(
        &self,
        session: &SessionId,
    ) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        self.reads.lock().push(session.expose());
        let unknown = || fails(UpstreamErrorKind::SessionNotFound);
        let step = self.next_step().unwrap_or_else(unknown);
        let StepOutcome::Result(result) = self.play(step).await? else {
            panic!("the planned step is for a create")
        };
        Ok(answered(*result))
    }
}

fn answered<T>(value: T) -> AttemptOutput<T> {
    AttemptOutput {
        value,
        aws_request_id: Some(AWS_REQUEST_ID.to_owned()),
    }
}

impl Step {
    async fn play(self) -> Result<StepOutcome, UpstreamError> {
        if !self.after.is_zero() {
            sleep(self.after).await;
        }
        match self.outcome {
            StepOutcome::Error(error) => Err(error),
            StepOutcome::Never => std::future::pending().await,
            StepOutcome::Panic => panic!("a planned panic"),
            outcome @ (StepOutcome::Session | StepOutcome::Result(_)) => Ok(outcome),
        }
    }
}
