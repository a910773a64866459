//! Why a handler fails: the log line, the error that the caller receives, and whether
//! the audit records it.
//!
//! For example, `web` is not allowed to read results. The log has `call failed`, `web`
//! receives `CALLER_NOT_ALLOWED`, and the audit has a record, because the policy refused
//! the call. A malformed request is neither logged nor audited.

use tonic::Code;
use tonic_types::FieldViolation;
use tracing::{error, info};

use super::call::Call;
use super::failure_log::FailureLog;
use super::reason::Reason;
use super::rpc_error::RpcError;
use crate::session::SessionError;
use crate::upstream::UpstreamErrorKind;

/// Why a handler fails.
pub(super) enum HandlerError {
    /// The request has these violations.
    Invalid(Vec<FieldViolation>),
    /// Reading results is disabled.
    ResultsDisabled,
    /// An error of the domain.
    Session(SessionError),
}

impl HandlerError {
    /// Whether Livegate's own rules refused the call, which the audit records.
    #[warn(clippy::wildcard_enum_match_arm)]
    pub(super) fn is_policy_refusal(&self) -> bool {
        match self {
            Self::Session(SessionError::NotAllowed(_) | SessionError::ResultTokenInvalid) => true,
            Self::Session(
                SessionError::RequestIdExpired
                | SessionError::RequestIdTooOld { .. }
                | SessionError::RequestIdConflict
                | SessionError::Refused(_)
                | SessionError::DeadlineExceeded
                | SessionError::DeadlineExceededUpstream
                | SessionError::StoreUnavailable(_)
                | SessionError::ProfileRefused { .. }
                | SessionError::Upstream(_)
                | SessionError::OutcomeUnknown(_),
            )
            | Self::Invalid(_)
            | Self::ResultsDisabled => false,
        }
    }

    /// Logs the error, unless `log` has enough of its reason, and returns the one for the
    /// caller.
    pub(super) fn report(self, call: &Call, log: &FailureLog) -> RpcError {
        match self {
            Self::Invalid(violations) => RpcError::invalid(violations),
            Self::ResultsDisabled => {
                let message = "results are disabled: results.enabled is false";
                RpcError::new(Code::Unimplemented, Reason::ResultsDisabled, message)
            }
            Self::Session(error) => {
                let rpc_error = RpcError::from_session(&error, call);
                write(&error, rpc_error.reason, log);
                rpc_error
            }
        }
    }
}

impl From<SessionError> for HandlerError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// Logs at level error only what an operator must fix.
fn write(error: &SessionError, reason: Reason, log: &FailureLog) {
    let is_access = |kind| {
        matches!(
            kind,
            UpstreamErrorKind::AccessDenied | UpstreamErrorKind::Credentials
        )
    };
    let cause = match error {
        SessionError::OutcomeUnknown(cause) => cause,
        error => error,
    };
    match cause {
        SessionError::Upstream(upstream) if is_access(upstream.kind) => {
            error!(
                %error,
                aws.request_id = upstream.aws_request_id.as_deref(),
                "access denied by AWS, check the service's role and credentials"
            );
        }
        SessionError::Upstream(upstream) if upstream.kind == UpstreamErrorKind::InvalidResponse => {
            error!(
                %error,
                aws.request_id = upstream.aws_request_id.as_deref(),
                "invalid response from AWS, the call fails"
            );
        }
        SessionError::ProfileRefused { profile, error } => {
            error!(
                %error,
                profile = profile.as_str(),
                aws.request_id = error.aws_request_id.as_deref(),
                "profile rejected by AWS, every request for it fails"
            );
        }
        _ if log.count(reason) => info!(%error, "call failed"),
        _ => {}
    }
}
