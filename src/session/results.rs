//! Reads what came of a session: admission, attempt, retry, answer.

use std::sync::Arc;

use super::SessionError;
use super::attempts::{Attempts, Effort};
use crate::deadline::Deadline;
use crate::session::words::{CallerId, LivenessResult, SessionId};
use crate::upstream::LivenessApi;

/// Reads results, within a quota of its own.
pub struct Results<A> {
    api: Arc<A>,
    attempts: Attempts,
}

impl<A: LivenessApi> Results<A> {
    /// Reads by `api`.
    pub fn new(api: Arc<A>, attempts: Attempts) -> Self {
        Self { api, attempts }
    }

    /// Reads what came of `session`, and says what it took. Reading changes
    /// nothing: it can be dropped anywhere.
    ///
    /// # Errors
    /// As [`SessionError`] says.
    pub async fn read(
        &self,
        caller: &CallerId,
        session: &SessionId,
        deadline: Deadline,
    ) -> Result<(LivenessResult, Effort), SessionError> {
        let call = async || {
            let answer = self.api.result(session).await;
            answer.map_err(SessionError::Upstream)
        };
        let (effort, result) = self.attempts.run(caller, deadline, call).await;
        Ok((result?, effort))
    }
}
