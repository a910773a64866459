//! An AWS that does what the scene says, and remembers what it was asked.
//!
//! What is planned comes first, in order; after that every create makes the
//! session of its token, or finds it again, at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use livegate::model::{
    ClientRequestToken, LivenessResult, SessionId, SessionSettings, SessionStatus,
};
use livegate::upstream::{AttemptOutput, LivenessApi, UpstreamError, UpstreamErrorKind};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What one attempt comes to, and after how long.
pub(crate) struct Step {
    after: Duration,
    answer: Answer,
}

/// The id under which this AWS knows each of its answers.
pub(crate) const AWS_REQUEST_ID: &str = "7f3a0c52-4a0c-4f0e-9d0a-0d5b7c1e2f3a";

enum Answer {
    Session,
    Result(Box<LivenessResult>),
    Error(UpstreamError),
    Never,
    Panic,
}

/// One attempt as AWS saw it.
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
}

/// What is to be read of `session` where there is nothing yet.
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

/// The session of the attempt's token.
pub(crate) fn answers() -> Step {
    Step::of(Answer::Session)
}

pub(crate) fn fails(kind: UpstreamErrorKind) -> Step {
    fails_with(UpstreamError::bare(kind))
}

pub(crate) fn fails_with(error: UpstreamError) -> Step {
    Step::of(Answer::Error(error))
}

pub(crate) fn reads(result: LivenessResult) -> Step {
    Step::of(Answer::Result(Box::new(result)))
}

/// No answer, however long one waits.
pub(crate) fn never_answers() -> Step {
    Step::of(Answer::Never)
}

pub(crate) fn panics() -> Step {
    Step::of(Answer::Panic)
}

impl Step {
    fn of(answer: Answer) -> Self {
        let after = Duration::ZERO;
        Self { after, answer }
    }

    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

impl Aws {
    /// Plans what the next attempts come to.
    pub(crate) fn will(&self, steps: impl IntoIterator<Item = Step>) {
        lock(&self.plan).extend(steps);
    }

    /// The creates so far, in order.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.attempts).clone()
    }

    /// How long after one another the creates came.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let attempts = self.attempts();
        let pairs = attempts.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// The sessions whose results were asked for, in order.
    pub(crate) fn reads(&self) -> Vec<String> {
        lock(&self.reads).clone()
    }

    fn next_step(&self) -> Option<Step> {
        lock(&self.plan).pop_front()
    }

    fn session(&self, token: &str) -> SessionId {
        let new = || SessionId::parse(&Uuid::new_v4().to_string()).expect("a lower-case UUID");
        *lock(&self.sessions)
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
        lock(&self.attempts).push(Attempt {
            token: token.clone(),
            settings: settings.clone(),
            at: Instant::now(),
        });
        let step = self.next_step().unwrap_or_else(answers);
        let Answer::Session = step.play().await? else {
            panic!("the plan is for a read")
        };
        Ok(answered(self.session(&token)))
    }

    async fn result(
        &self,
        session: &SessionId,
    ) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        lock(&self.reads).push(session.expose());
        let unknown = || fails(UpstreamErrorKind::SessionNotFound);
        let step = self.next_step().unwrap_or_else(unknown);
        let Answer::Result(result) = step.play().await? else {
            panic!("the plan is for a create")
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
    async fn play(self) -> Result<Answer, UpstreamError> {
        if !self.after.is_zero() {
            sleep(self.after).await;
        }
        match self.answer {
            Answer::Error(error) => Err(error),
            Answer::Never => std::future::pending().await,
            Answer::Panic => panic!("as the scene says"),
            answer @ (Answer::Session | Answer::Result(_)) => Ok(answer),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
