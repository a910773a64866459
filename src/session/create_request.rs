//! A request for a session, and whether it needs a request id.

use crate::auth::policy::CallerPermissions;
use crate::model::{CallerId, Deadline, RequestId, RequestedSettings, Subject};

/// A request for a session.
#[derive(Clone, Debug)]
pub struct CreateRequest {
    /// The caller of the request.
    pub caller: CallerId,
    /// The end user that the session is for. It is not sent to AWS.
    pub subject: Option<Subject>,
    /// The caller's idempotency key; `None`: each call creates a session.
    pub request_id: Option<RequestId>,
    /// The requested settings.
    pub requested: RequestedSettings,
    /// When the caller stops waiting.
    pub deadline: Deadline,
    /// What the caller may send.
    pub permissions: CallerPermissions,
}

/// Whether creating a session needs a request id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestIdRequirement {
    /// The request must have an id.
    Required,
    /// The request may omit the id; then no repeat returns its session.
    #[default]
    Optional,
}
