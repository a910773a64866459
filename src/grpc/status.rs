//! Maps the errors of other rooms to RPC errors: one exhaustive match from each domain
//! error to its code, reason, metadata and retry delay.

#![warn(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use tonic::Code;

use super::call::Call;
use super::concurrency_limit::ConcurrencyLimitExceeded;
use super::deadline;
use super::reason::Reason;
use super::rpc_error::{RetryHint, RpcError};
use crate::admission::{AdmissionRefused, RefusalReason};
use crate::auth::NotAuthenticated;
use crate::model::SESSION_LIFE;
use crate::session::{SessionError, WatchLimitExceeded};
use crate::upstream::{UpstreamError, UpstreamErrorKind as Kind};

/// The retry delay after a transient error for which AWS gave none.
const TRANSIENT_DELAY: Duration = Duration::from_secs(1);

/// The retry delay during shutdown: another replica answers.
const OTHER_REPLICA_DELAY: Duration = Duration::from_millis(100);

impl RpcError {
    /// The caller is not authenticated.
    pub(super) fn unauthenticated(cause: NotAuthenticated) -> Self {
        let message = cause.to_string();
        let Some(delay) = cause.retry_after() else {
            let reason = Reason::CallerNotAuthenticated;
            return Self::new(Code::Unauthenticated, reason, message);
        };
        let reason = if cause == NotAuthenticated::JwksUnavailable {
            Reason::JwksUnavailable
        } else {
            Reason::TokenKeyPending
        };
        Self::new(Code::Unavailable, reason, message).retry(RetryHint::After(delay))
    }

    /// Reading results is disabled.
    pub(super) fn results_disabled() -> Self {
        let message = "results are disabled: results.enabled is false";
        Self::new(Code::Unimplemented, Reason::ResultsDisabled, message)
    }

    /// The header `grpc-timeout` is malformed.
    pub(super) fn invalid_timeout() -> Self {
        let problem = "must be 1 to 8 digits and a unit: H, M, S, m, u or n";
        Self::invalid_field(deadline::HEADER, problem)
    }

    /// Requests are in progress, or hold bytes, up to a limit.
    pub(super) fn concurrency_limit(exceeded: ConcurrencyLimitExceeded) -> Self {
        let message = format!("{exceeded}, {}", retry_after(TRANSIENT_DELAY));
        let mut error = Self::new(
            Code::ResourceExhausted,
            Reason::ConcurrencyLimitExceeded,
            message,
        )
        .retry(RetryHint::After(TRANSIENT_DELAY));
        error.quota = Some("concurrent_requests".to_owned());
        match exceeded {
            ConcurrencyLimitExceeded::Process { limit }
            | ConcurrencyLimitExceeded::Connection { limit } => error.with("limit", &limit),
            ConcurrencyLimitExceeded::Caller { limit, free } => {
                error.with("limit", &limit).with("free", &free)
            }
            ConcurrencyLimitExceeded::Bytes { limit, .. } => error.with("limit_bytes", &limit),
        }
    }

    /// The request body did not arrive within `limit`.
    pub(super) fn body_timeout(message: String, limit: Duration) -> Self {
        Self::new(Code::DeadlineExceeded, Reason::RequestBodyTimeout, message)
            .with("limit_ms", &limit.as_millis())
    }

    /// Maps an error of the domain.
    pub(super) fn from_session(error: &SessionError, call: &Call) -> Self {
        let new = |code, reason| Self::new(code, reason, error.to_string());
        let expired = || new(Code::FailedPrecondition, Reason::RequestIdExpired);
        let denied = |reason| new(Code::PermissionDenied, reason);
        let too_late = |reason| new(Code::DeadlineExceeded, reason);
        let rpc_error = match error {
            SessionError::RequestIdExpired => expired(),
            SessionError::RequestIdTooOld { age } => expired()
                .with("request_id_age_seconds", &age.as_secs())
                .with("session_life_seconds", &SESSION_LIFE.as_secs()),
            SessionError::RequestIdConflict => new(Code::AlreadyExists, Reason::RequestIdConflict),
            SessionError::NotAllowed(refused) => {
                denied(Reason::CallerNotAllowed).with("field", &refused.field())
            }
            SessionError::ResultTokenInvalid => denied(Reason::ResultTokenInvalid),
            SessionError::WatchLimitExceeded(exceeded) => Self::watch_limit(*exceeded),
            SessionError::DeadlineExceeded | SessionError::WatchDeadlineExceeded => {
                too_late(Reason::DeadlineExceeded)
            }
            SessionError::DeadlineExceededUpstream => too_late(Reason::UpstreamTimeout),
            SessionError::StoreUnavailable(_) => new(Code::Unavailable, Reason::StoreUnavailable)
                .retry(RetryHint::After(TRANSIENT_DELAY)),
            SessionError::Refused(refused) => Self::from_refusal(*refused, call),
            SessionError::ProfileRefused { error: cause, .. }
            | SessionError::DefaultsRefused(cause) => {
                Self::from_upstream(cause).attribute(Reason::UpstreamInvalidSettings, error)
            }
            SessionError::CallerResourceDenied(cause) => {
                Self::from_upstream(cause).attribute(Reason::UpstreamResourceDenied, error)
            }
            SessionError::Upstream(error) => Self::from_upstream(error),
            SessionError::OutcomeUnknown(cause) => Self::from_session(cause, call)
                .with_message(error)
                .retry(RetryHint::Never)
                .with("outcome", &"unknown"),
        };
        rpc_error.with("caller", &call.caller)
    }

    fn watch_limit(exceeded: WatchLimitExceeded) -> Self {
        let (code, reason) = (Code::ResourceExhausted, Reason::WatchLimitExceeded);
        let mut error =
            Self::new(code, reason, exceeded.to_string()).retry(RetryHint::After(TRANSIENT_DELAY));
        error.quota = Some("watchers".to_owned());
        match exceeded {
            WatchLimitExceeded::Process { limit } => error.with("limit", &limit),
            WatchLimitExceeded::Caller { limit, free } => {
                error.with("limit", &limit).with("free", &free)
            }
        }
    }

    fn from_refusal(refused: AdmissionRefused, call: &Call) -> Self {
        let (reason, quota) = match refused.reason {
            RefusalReason::Quota => (Reason::QuotaExhausted, "quota:shared".to_owned()),
            RefusalReason::ConcurrentChecks => (
                Reason::ConcurrentChecksExhausted,
                "checks:concurrent".to_owned(),
            ),
            RefusalReason::CallerQuota => (
                Reason::CallerQuotaExhausted,
                format!("caller:{}", call.caller),
            ),
            RefusalReason::DeadlineTooShort => return Self::deadline_exceeded(),
            RefusalReason::Closed => {
                return Self::new(Code::Unavailable, Reason::ShuttingDown, refused.to_string())
                    .retry(RetryHint::After(OTHER_REPLICA_DELAY));
            }
        };
        let millis = refused.retry_after.as_millis();
        let message = format!("{refused}, {}", retry_after(refused.retry_after));
        let mut error = Self::new(Code::ResourceExhausted, reason, message)
            .retry(RetryHint::After(refused.retry_after));
        error.quota = Some(quota);
        error.with("retry_after_ms", &millis)
    }

    fn from_upstream(error: &UpstreamError) -> Self {
        let (code, reason) = upstream_code(error.kind);
        let retry = if error.kind.is_transient() {
            RetryHint::After(error.retry_after.unwrap_or(TRANSIENT_DELAY))
        } else if error.kind == Kind::QuotaExceeded {
            RetryHint::Never
        } else {
            RetryHint::Unspecified
        };
        let rpc_error = Self::new(code, reason, error.to_string()).retry(retry);
        let metadata = [
            ("aws_code", error.code.clone()),
            ("aws_message", error.message.clone()),
            ("aws_request_id", error.aws_request_id.clone()),
            (
                "http_status",
                error.http_status.map(|status| status.to_string()),
            ),
        ];
        let present = metadata
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        present.fold(rpc_error, |rpc_error, (key, value)| {
            rpc_error.with(key, &value)
        })
    }
}

/// Returns the end of a message, which says when to retry.
fn retry_after(delay: Duration) -> String {
    format!("retry after {:.2} s", delay.as_secs_f64())
}

fn upstream_code(kind: Kind) -> (Code, Reason) {
    match kind {
        Kind::Throttled => (Code::ResourceExhausted, Reason::UpstreamThrottled),
        Kind::QuotaExceeded => (Code::ResourceExhausted, Reason::UpstreamQuotaExceeded),
        Kind::Internal => (Code::Unavailable, Reason::UpstreamInternal),
        Kind::Unavailable => (Code::Unavailable, Reason::UpstreamUnavailable),
        Kind::Timeout => (Code::Unavailable, Reason::UpstreamTimeout),
        Kind::InvalidResponse => (Code::Unavailable, Reason::UpstreamInvalidResponse),
        Kind::InvalidParameter => (Code::InvalidArgument, Reason::UpstreamInvalidParameter),
        Kind::AccessDenied => (Code::PermissionDenied, Reason::UpstreamAccessDenied),
        Kind::Credentials => (Code::Internal, Reason::UpstreamCredentials),
        Kind::SessionNotFound => (Code::NotFound, Reason::SessionNotFound),
        Kind::RequestConflict => (Code::AlreadyExists, Reason::RequestIdConflict),
        Kind::Unknown => (Code::Unknown, Reason::UpstreamUnknown),
    }
}
