//! What is known of a call before its body is read. The edge makes it, the
//! handlers find it among the request's extensions.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::AuthMethod;
use crate::model::CallerId;
use crate::model::Deadline;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The name under which logs and errors know it.
    pub(super) id: Arc<str>,
    /// Who calls.
    pub(super) caller: CallerId,
    /// What says so.
    pub(super) auth_method: AuthMethod,
    /// When the answer must have left.
    pub(super) deadline: Deadline,
    /// Whether the caller set a deadline itself.
    pub(super) patience: Patience,
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Until the deadline that it sent.
    Bounded,
    /// It sent none.
    Unbounded,
}

impl Call {
    /// Whether the caller is still there after `wait`.
    pub(super) fn outlasts(&self, wait: Duration, now: Instant) -> bool {
        self.patience == Patience::Unbounded || wait < self.deadline.left(now)
    }
}
