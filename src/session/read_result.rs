//! Reads session results: authorization, ownership, admission, attempts, retries.

use std::sync::Arc;

use super::attempts::{AttemptStats, Attempts};
use super::{Ownership, Progress, SessionError, TokenRequirement};
use crate::auth::policy::Authorizer;
use crate::model::Deadline;
use crate::model::{CallerId, LivenessResult, Operation, SessionId, Subject};
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
    /// When the caller stops waiting.
    pub deadline: Deadline,
    /// Receives the progress of the call, also if its future is dropped.
    pub progress: Progress,
}

/// Reads results within a quota of their own.
pub struct ResultReader<A> {
    api: Arc<A>,
    attempts: Attempts,
    ownership: Ownership,
    token_requirement: TokenRequirement,
    authorizer: Authorizer,
}

impl<A: LivenessApi> ResultReader<A> {
    /// Returns a reader that calls `api` for requests which pass `authorizer` and
    /// `ownership`.
    pub fn new(
        api: Arc<A>,
        attempts: Attempts,
        (ownership, token_requirement): (Ownership, TokenRequirement),
        authorizer: Authorizer,
    ) -> Self {
        Self {
            api,
            attempts,
            ownership,
            token_requirement,
            authorizer,
        }
    }

    /// Returns whether requests need a result token.
    pub fn token_requirement(&self) -> TokenRequirement {
        self.token_requirement
    }

    /// Reads the result of the session, and returns the attempts it took. A read changes
    /// nothing, so its future can be dropped at any point.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn read(
        &self,
        request: &ResultRequest,
    ) -> Result<(LivenessResult, AttemptStats), SessionError> {
        self.authorizer.check(&request.caller, Operation::Results)?;
        self.ownership.check(request, self.token_requirement)?;
        let prepare = async || Ok(None);
        let call = async || {
            let answer = self.api.result(&request.session).await?;
            of_session(&request.session, answer)
        };
        let run = self
            .attempts
            .run(&request.caller, request.deadline, prepare, call);
        let (stats, answer) = run.await;
        let AttemptOutput {
            value,
            aws_request_id,
        } = answer?;
        let progress = &request.progress;
        progress.answered(request.session, aws_request_id, stats);
        Ok((value, stats))
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
