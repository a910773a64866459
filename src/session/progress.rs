//! The progress of one call, readable at any time.
//!
//! A call that is dropped may have created a session. Its progress still names the session
//! for the audit log: for example if the caller disconnects after AWS answered and before
//! the record was written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::AttemptStats;
use crate::model::SessionId;

/// The progress of one call. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<ProgressSnapshot>>);

/// The progress at one moment.
#[derive(Clone, Debug, Default)]
pub struct ProgressSnapshot {
    /// The session that AWS returned, even if the caller did not receive it.
    pub session: Option<SessionId>,
    /// Whether an earlier call created the session.
    pub replayed: bool,
    /// AWS's id of its answer.
    pub aws_request_id: Option<String>,
    /// The number of attempts.
    pub attempts: u32,
}

impl Progress {
    /// Returns the current progress.
    #[must_use]
    pub fn snapshot(&self) -> ProgressSnapshot {
        self.lock().clone()
    }

    /// Records that AWS answered with `session` or its result.
    pub fn answered(
        &self,
        session: SessionId,
        aws_request_id: Option<String>,
        stats: AttemptStats,
    ) {
        let mut progress = self.lock();
        progress.session = Some(session);
        progress.aws_request_id = aws_request_id;
        progress.attempts = stats.attempts;
    }

    /// Records that the call returns the session of an earlier call.
    pub(super) fn replayed(&self, session: SessionId) {
        let mut progress = self.lock();
        progress.session = Some(session);
        progress.replayed = true;
    }

    fn lock(&self) -> MutexGuard<'_, ProgressSnapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
