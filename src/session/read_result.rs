//! Reads session results: ownership and the loop of attempts.

use std::sync::Arc;

use tokio::time::sleep;

use super::attempts::AttemptPolicy;
use super::{Ownership, Progress, SessionError, TokenRequirement, Verdict};
use crate::model::{CallerId, Deadline, LivenessResult, MinimumConfidence, SessionId, Subject};
use crate::result_token::ResultToken;
use crate::upstream::{AttemptOutput, LivenessApi, UpstreamError};

/// A request for the result of a session.
#[derive(Clone, Debug)]
pub struct ResultRequest {
    /// The caller of the request.
    pub caller: CallerId,
    /// The end user that the session was created for.
    pub subject: Option<Subject>,
    /// The session.
    pub session: SessionId,
    /// The proof that the session belongs to this caller and subject.
    pub token: Option<ResultToken>,
    /// Whether the caller asks for the bytes of images.
    pub image_bytes: ImageBytes,
    /// The confidence from which the check passes.
    pub minimum_confidence: Option<MinimumConfidence>,
    /// When the caller stops waiting.
    pub deadline: Deadline,
}

/// Whether a response includes the bytes of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageBytes {
    /// The bytes are included.
    Included,
    /// The bytes are left out; S3 objects and bounding boxes remain.
    Omitted,
}

/// The result of a session, and the verdict for one request.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionResult {
    /// The result.
    pub result: LivenessResult,
    /// The verdict. Unset without a minimum confidence.
    pub verdict: Option<Verdict>,
}

impl SessionResult {
    fn new(result: LivenessResult, minimum: Option<MinimumConfidence>) -> Self {
        let judge = |minimum| Verdict::of(result.status, result.confidence, minimum);
        Self {
            verdict: minimum.map(judge),
            result,
        }
    }
}

/// Reads results within a quota of their own.
pub struct ResultReader<A> {
    api: Arc<A>,
    attempts: AttemptPolicy,
    ownership: Ownership,
    token_requirement: TokenRequirement,
}

impl<A: LivenessApi> ResultReader<A> {
    /// Returns a reader that calls `api` for requests which pass `ownership`.
    pub fn new(
        api: Arc<A>,
        attempts: AttemptPolicy,
        ownership: Ownership,
        token_requirement: TokenRequirement,
    ) -> Self {
        Self {
            api,
            attempts,
            ownership,
            token_requirement,
        }
    }

    /// Returns whether requests need a result token.
    pub fn token_requirement(&self) -> TokenRequirement {
        self.token_requirement
    }

    /// Reads the result of the session, and updates `progress`. A read changes nothing, so
    /// its future can be dropped at any point.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn read(
        &self,
        request: &ResultRequest,
        progress: &mut Progress,
    ) -> Result<SessionResult, SessionError> {
        self.ownership.check(request, self.token_requirement)?;
        match self.attempt(request, progress).await {
            Err(SessionError::DeadlineExceeded) if progress.attempts > 0 => {
                Err(SessionError::DeadlineExceededUpstream)
            }
            Ok(result) => Ok(SessionResult::new(result, request.minimum_confidence)),
            Err(error) => Err(error),
        }
    }

    /// Sends attempts until one succeeds or no further attempt is made.
    async fn attempt(
        &self,
        request: &ResultRequest,
        progress: &mut Progress,
    ) -> Result<LivenessResult, SessionError> {
        let (caller, session) = (&request.caller, &request.session);
        let mut attempts = self.attempts.attempts(caller, request.deadline, progress);
        loop {
            let permit = attempts.acquire_permit().await?;
            let call = async { of_session(session, self.api.result(session).await?) };
            match attempts.send(permit, call).await {
                Ok(answer) => {
                    attempts.progress.answered(*session, answer.aws_request_id);
                    return Ok(answer.value);
                }
                Err(error) => sleep(attempts.next_delay(error)?).await,
            }
        }
    }
}

/// Returns `answer` if it is about `session`. The result of another session must not reach
/// this caller.
fn of_session(
    session: &SessionId,
    answer: AttemptOutput<LivenessResult>,
) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
    if answer.value.session_id == *session {
        return Ok(answer);
    }
    Err(UpstreamError {
        aws_request_id: answer.aws_request_id,
        ..UpstreamError::invalid_response("the result is for another session")
    })
}
