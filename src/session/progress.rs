//! The progress of one call.
//!
//! A call that is dropped may have created a session. Its progress still names the session
//! for the audit log: for example if the caller disconnects after AWS answered and before
//! the record was written.

use std::time::Duration;

use crate::model::SessionId;

/// The progress of one call. Its owner keeps it when the future of the call is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The session that AWS returned, even if the caller did not receive it.
    pub session: Option<SessionId>,
    /// Whether an earlier call created the session.
    pub replayed: bool,
    /// AWS's id of its answer.
    pub aws_request_id: Option<String>,
    /// The number of attempts.
    pub attempts: u32,
    /// The total wait for permits.
    pub waited: Duration,
    /// Where the answer came from.
    pub served: Served,
    /// An attempt failed although AWS may have carried it out.
    pub outcome_unknown: bool,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Served {
    /// From an attempt of this call.
    #[default]
    Aws,
    /// From an attempt of a concurrent call.
    Coalesced,
    /// From memory.
    Cached,
}

impl Served {
    /// Returns the name in response metadata.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Coalesced => "coalesced",
            Self::Cached => "cached",
        }
    }
}

impl Progress {
    /// Records that AWS answered with `session` or its result.
    pub fn answered(&mut self, session: SessionId, aws_request_id: Option<String>) {
        self.session = Some(session);
        self.aws_request_id = aws_request_id;
    }
}
