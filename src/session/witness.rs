//! What a call has brought about so far, told as it happens: a call that is given
//! up half way may have made a session, and somebody has to know.
//!
//! An example: AWS answers, and the caller is gone before the store has the record.
//! The future is dropped; the witness has the session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::AttemptStats;
use crate::model::SessionId;

/// A witness of one call. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<ProgressSnapshot>>);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct ProgressSnapshot {
    /// The session that the caller got, or would have got.
    pub session: Option<SessionId>,
    /// Whether an earlier call had got it.
    pub replayed: bool,
    /// The id under which AWS knows its answer.
    pub aws_request_id: Option<String>,
    /// How many attempts it took.
    pub attempts: u32,
}

impl Progress {
    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> ProgressSnapshot {
        self.lock().clone()
    }

    /// AWS answered, with this session or of it.
    pub fn answered(&self, session: SessionId, aws_request_id: Option<String>, by: AttemptStats) {
        let mut seen = self.lock();
        seen.session = Some(session);
        seen.aws_request_id = aws_request_id;
        seen.attempts = by.attempts;
    }

    /// An earlier call had got this session.
    pub(super) fn replayed(&self, session: SessionId) {
        let mut seen = self.lock();
        seen.session = Some(session);
        seen.replayed = true;
    }

    fn lock(&self) -> MutexGuard<'_, ProgressSnapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
