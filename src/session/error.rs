//! Why there is no session, or no result.

use crate::admission::AdmissionRefused;
use crate::auth::policy::NotAllowed;
use crate::model::ProfileName;
use crate::upstream::UpstreamError;

/// Why there is no session, or no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The session of this request id is past its life.
    #[error("the session of this request_id is past its life: ask with a new request_id")]
    RequestIdExpired,
    /// The request id was used before, with other parameters.
    #[error("this request_id was used before, with other parameters")]
    RequestIdConflict,
    /// The caller may not have what it wants: nothing was spent.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The result is not for this caller, subject and session, or it was too long
    /// ago. It does not say which, nor whether there is such a session.
    #[error("the result_token is not for this caller, subject and session_id, or has expired")]
    ResultTokenInvalid,
    /// Admission refused it: nothing was sent.
    #[error(transparent)]
    Refused(#[from] AdmissionRefused),
    /// The caller's time was up before an attempt had left.
    #[error("the deadline was over before the call could be sent to aws")]
    DeadlineExceeded,
    /// The caller's time was up while an attempt was under way: it may have made
    /// a session, which only the same request id brings back.
    #[error("the deadline was over while aws was being asked")]
    DeadlineExceededUpstream,
    /// There is no record of the request id to be had, and there has to be one.
    #[error("no record of the request_id can be kept: {0}")]
    StoreUnavailable(String),
    /// AWS refused a parameter that the operators have under this name: it is theirs
    /// to mend, and their caller's by no means.
    #[error("the profile {}: {error}", profile.as_str())]
    ProfileRefused {
        /// The name.
        profile: ProfileName,
        /// What AWS said.
        error: UpstreamError,
    },
    /// AWS said no, or said nothing, and there was no further attempt.
    #[error(transparent)]
    Upstream(UpstreamError),
}
