//! Why a handler has no answer: what is logged of it, what its caller is told, and
//! whether it is for the audit.
//!
//! An example: `web` may not read results. The log has `call failed`, `web` is told
//! `CALLER_NOT_ALLOWED`, and the audit has a line, for a rule refused it. A malformed
//! request is told as such, and neither logged nor in the audit.

use tonic::Code;
use tonic_types::FieldViolation;
use tracing::{error, info};

use super::call::Call;
use super::reason::Reason;
use super::status::Explained;
use crate::session::SessionError;
use crate::upstream::UpstreamErrorKind;

/// Why a handler has no answer.
pub(super) enum Failure {
    /// This is wrong with the request.
    Invalid(Vec<FieldViolation>),
    /// No results are served.
    ResultsDisabled,
    /// The domain says so.
    Session(SessionError),
}

impl Failure {
    /// Whether our own rules refused the call, which the audit has a line for.
    #[warn(clippy::wildcard_enum_match_arm)]
    pub(super) fn is_by_rule(&self) -> bool {
        match self {
            Self::Session(SessionError::NotAllowed(_) | SessionError::ResultTokenInvalid) => true,
            Self::Session(
                SessionError::RequestIdExpired
                | SessionError::RequestIdConflict
                | SessionError::Refused(_)
                | SessionError::DeadlineExceeded
                | SessionError::DeadlineExceededUpstream
                | SessionError::StoreUnavailable(_)
                | SessionError::ProfileRefused { .. }
                | SessionError::Upstream(_),
            )
            | Self::Invalid(_)
            | Self::ResultsDisabled => false,
        }
    }

    /// Logs it, once, and says what it means to the caller.
    pub(super) fn explained(self, call: &Call) -> Explained {
        match self {
            Self::Invalid(violations) => Explained::invalid(violations),
            Self::ResultsDisabled => {
                let message = "results are not served here: [results] enabled is false";
                Explained::new(Code::Unimplemented, Reason::ResultsDisabled, message)
            }
            Self::Session(failure) => {
                log(&failure);
                Explained::of(&failure, call)
            }
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// Says what failed. Only what a person must mend is an error.
fn log(failure: &SessionError) {
    let ours = |kind| {
        matches!(
            kind,
            UpstreamErrorKind::AccessDenied | UpstreamErrorKind::Credentials
        )
    };
    match failure {
        SessionError::Upstream(upstream) if ours(upstream.kind) => {
            error!(
                failure = %failure,
                aws.request_id = upstream.aws_request_id.as_deref(),
                "aws does not let the service in: check its role and credentials"
            );
        }
        SessionError::ProfileRefused { profile, error } => {
            error!(
                failure = %error,
                profile = profile.as_str(),
                aws.request_id = error.aws_request_id.as_deref(),
                "aws refuses a profile: whoever asks for it has no session"
            );
        }
        _ => info!(failure = %failure, "call failed"),
    }
}
