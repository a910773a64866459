//! What a call has brought about so far, told as it happens: a call that is given
//! up half way may have made a session, and somebody has to know.
//!
//! An example: AWS answers, and the caller is gone before the store has the record.
//! The future is dropped; the witness has the session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Effort;
use crate::session::words::SessionId;

/// A witness of one call. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<Mutex<Seen>>);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The session that the caller got, or would have got.
    pub session: Option<SessionId>,
    /// Whether an earlier call had got it.
    pub replayed: bool,
    /// The id under which AWS knows its answer.
    pub aws_request_id: Option<String>,
    /// How many attempts it took.
    pub attempts: u32,
}

impl Witness {
    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// AWS answered, with this session or of it.
    pub fn answered(&self, session: SessionId, aws_request_id: Option<String>, by: Effort) {
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

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
