//! A request for a session, and whether it needs a request id.

use super::SessionError;
use crate::auth::policy::{CallerPermissions, NotAllowed};
use crate::model::{
    CallerId, Deadline, Operation, RequestId, RequestedSettings, SessionSettings, Subject,
};

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

impl CreateRequest {
    /// Returns the settings of the session, by the current permissions and profiles.
    pub(super) fn settings(&self) -> Result<SessionSettings, NotAllowed> {
        let permissions = self.permissions.current();
        permissions.check(Operation::Create)?;
        permissions.settings(&self.requested)
    }

    /// Awaits `step` while the caller may create the session.
    pub(super) async fn while_allowed<T>(
        &self,
        step: impl Future<Output = Result<T, SessionError>>,
    ) -> Result<T, SessionError> {
        let check = |_: &CallerPermissions| self.settings().map(drop);
        self.permissions.while_allowed(check, step).await
    }
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
