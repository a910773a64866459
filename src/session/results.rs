//! Reads what came of a session: policy, ownership, admission, attempt, retry, answer.

use std::sync::Arc;

use super::attempts::{AttemptStats, Attempts};
use super::{Ownership, Progress, SessionError, TokenRequirement};
use crate::auth::policy::Authorizer;
use crate::model::Deadline;
use crate::model::{CallerId, LivenessResult, Operation, SessionId, Subject};
use crate::result_token::ResultToken;
use crate::upstream::{AttemptOutput, LivenessApi};

/// Which result is asked for, and by whom.
#[derive(Clone, Debug)]
pub struct ResultRequest {
    /// Who asks.
    pub caller: CallerId,
    /// The end user for whom the session was asked for.
    pub subject: Option<Subject>,
    /// The session.
    pub session: SessionId,
    /// What shows that it is theirs.
    pub token: Option<ResultToken>,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// Is told whether it was read, even where nobody waits for it any more.
    pub witness: Progress,
}

/// Reads results, within a quota of its own.
pub struct ResultReader<A> {
    api: Arc<A>,
    attempts: Attempts,
    ownership: Ownership,
    proof: TokenRequirement,
    policy: Authorizer,
}

impl<A: LivenessApi> ResultReader<A> {
    /// Reads by `api` what belongs, by `ownership`, to those who ask and who may,
    /// by `policy`, ask at all.
    pub fn new(
        api: Arc<A>,
        attempts: Attempts,
        (ownership, proof): (Ownership, TokenRequirement),
        policy: Authorizer,
    ) -> Self {
        Self {
            api,
            attempts,
            ownership,
            proof,
            policy,
        }
    }

    /// What a reader must show.
    pub fn proof(&self) -> TokenRequirement {
        self.proof
    }

    /// Reads the result that `reading` names, and says what it took. ResultRequest
    /// changes nothing: it can be dropped anywhere.
    ///
    /// # Errors
    /// As [`SessionError`] says.
    pub async fn read(
        &self,
        reading: &ResultRequest,
    ) -> Result<(LivenessResult, AttemptStats), SessionError> {
        self.policy.check(&reading.caller, Operation::Results)?;
        self.ownership.check(reading, self.proof)?;
        let call = async || {
            let answer = self.api.result(&reading.session).await;
            answer.map_err(SessionError::Upstream)
        };
        let run = self.attempts.run(&reading.caller, reading.deadline, call);
        let (effort, answer) = run.await;
        let AttemptOutput {
            value,
            aws_request_id,
        } = answer?;
        let witness = &reading.witness;
        witness.answered(reading.session, aws_request_id, effort);
        Ok((value, effort))
    }
}
