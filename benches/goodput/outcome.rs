//! The result of one request, as the arm's load generator saw it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::{Deserialize, Serialize};

/// One request: when it was due, when it ended, and how. Times are seconds since the
/// start of the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) caller: usize,
    /// When the list of arrivals has it.
    pub(crate) due: f64,
    /// When it was sent: later than `due` where the load generator was short of CPU.
    pub(crate) sent: f64,
    pub(crate) ended: f64,
    pub(crate) result: Result<SessionDigest, String>,
}

/// Tells sessions apart without keeping their ids.
pub(crate) type SessionDigest = u64;

impl Outcome {
    /// Returns the seconds from when it was due until it ended.
    pub(crate) fn took(&self) -> f64 {
        self.ended - self.due
    }
}

/// Returns the digest of a session's id; it is the same in every process.
pub(crate) fn digest(session_id: &str) -> SessionDigest {
    let mut hasher = DefaultHasher::new();
    session_id.hash(&mut hasher);
    hasher.finish()
}
