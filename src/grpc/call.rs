//! The properties of a call that are known before its body is read. The middleware puts
//! a [`Call`] into the request's extensions, and the handlers read it there.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Builder;

use crate::auth::AuthMethod;
use crate::auth::policy::CallerPermissions;
use crate::model::CallerId;
use crate::model::Deadline;
use crate::model::PeerAddress;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The id in logs, errors and the header `livegate-call-id`.
    pub(super) id: Arc<str>,
    /// The authenticated caller.
    pub(super) caller: CallerId,
    /// What the caller may do, from the policy at the start of the call.
    pub(super) permissions: CallerPermissions,
    /// How the caller was authenticated.
    pub(super) auth_method: AuthMethod,
    /// The name in the client certificate, if the caller is named by its token.
    pub(super) certificate: Option<CallerId>,
    /// The address of the peer.
    pub(super) peer: PeerAddress,
    /// The instant by which the response must leave.
    pub(super) deadline: Deadline,
    /// Where the deadline comes from.
    pub(super) deadline_source: DeadlineSource,
}

/// Where a deadline comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeadlineSource {
    /// The caller's `grpc-timeout`.
    Caller,
    /// The default deadline: the caller itself waits without a limit.
    Default,
}

/// Returns the id of a new call. It is no secret, so it needs no system call for random bytes.
pub(super) fn new_id() -> Arc<str> {
    let id = Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes());
    id.into_uuid().to_string().into()
}

impl Call {
    /// Returns how long the caller still waits, or `None` if it waits without a limit.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self.deadline_source {
            DeadlineSource::Caller => Some(self.deadline.left(Instant::now())),
            DeadlineSource::Default => None,
        }
    }
}
