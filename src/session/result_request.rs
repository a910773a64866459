//! A request for the result of a session, and what it receives.

use super::Verdict;
use crate::auth::policy::CallerPermissions;
use crate::model::{CallerId, Deadline, LivenessResult, MinimumConfidence, SessionId, Subject};
use crate::result_token::ResultToken;

/// A request for the result of a session.
#[derive(Clone, Debug)]
pub struct ResultRequest {
    /// The caller of the request.
    pub caller: CallerId,
    /// The end user that the session was created for.
    pub subject: Option<Subject>,
    /// The session.
    pub session: SessionId,
    /// The proof that the session belongs to this caller and subject.
    pub token: Option<ResultToken>,
    /// Whether the caller asks for the bytes of images.
    pub image_bytes: ImageBytes,
    /// The confidence from which the check passes, if the permissions have no higher one.
    pub minimum_confidence: Option<MinimumConfidence>,
    /// When the caller stops waiting.
    pub deadline: Deadline,
    /// What the caller may do.
    pub permissions: CallerPermissions,
}

impl ResultRequest {
    /// Returns `result` with the verdict by the current minimum confidence.
    pub(super) fn judge(&self, result: LivenessResult) -> SessionResult {
        let permissions = self.permissions.current();
        let minimum = permissions.minimum_confidence(self.minimum_confidence);
        let judge = |minimum| Verdict::of(result.status, result.confidence, minimum);
        SessionResult {
            verdict: minimum.map(judge),
            result,
        }
    }
}

/// Whether a response includes the bytes of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageBytes {
    /// The bytes are included.
    Included,
    /// The bytes are left out; S3 objects and bounding boxes remain.
    Omitted,
}

/// The result of a session, and the verdict for one request.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionResult {
    /// The result.
    pub result: LivenessResult,
    /// The verdict. Unset without a minimum confidence.
    pub verdict: Option<Verdict>,
}
