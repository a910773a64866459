//! Reads what came of a session: policy, ownership, admission, attempt, retry, answer.

use std::sync::Arc;

use super::attempts::{Attempts, Effort};
use super::{Ownership, Proof, SessionError, Witness};
use crate::deadline::Deadline;
use crate::policy::{Operation, Policy};
use crate::result_token::ResultToken;
use crate::session::words::{CallerId, LivenessResult, SessionId, Subject};
use crate::upstream::{Answer, LivenessApi};

/// Which result is asked for, and by whom.
#[derive(Clone, Debug)]
pub struct Reading {
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
    pub witness: Witness,
}

/// Reads results, within a quota of its own.
pub struct Results<A> {
    api: Arc<A>,
    attempts: Attempts,
    ownership: Ownership,
    proof: Proof,
    policy: Policy,
}

impl<A: LivenessApi> Results<A> {
    /// Reads by `api` what belongs, by `ownership`, to those who ask and who may,
    /// by `policy`, ask at all.
    pub fn new(
        api: Arc<A>,
        attempts: Attempts,
        (ownership, proof): (Ownership, Proof),
        policy: Policy,
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
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// Reads the result that `reading` names, and says what it took. Reading
    /// changes nothing: it can be dropped anywhere.
    ///
    /// # Errors
    /// As [`SessionError`] says.
    pub async fn read(&self, reading: &Reading) -> Result<(LivenessResult, Effort), SessionError> {
        self.policy.may(&reading.caller, Operation::Result)?;
        self.ownership.check(reading, self.proof)?;
        let call = async || {
            let answer = self.api.result(&reading.session).await;
            answer.map_err(SessionError::Upstream)
        };
        let run = self.attempts.run(&reading.caller, reading.deadline, call);
        let (effort, answer) = run.await;
        let Answer {
            value,
            aws_request_id,
        } = answer?;
        let witness = &reading.witness;
        witness.answered(reading.session, aws_request_id, effort);
        Ok((value, effort))
    }
}
