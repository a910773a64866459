//! Why a session or result cannot be returned.

use std::time::Duration;

use super::WatchLimitExceeded;
use crate::admission::{AdmissionRefused, RefusalReason};
use crate::auth::policy::NotAllowed;
use crate::idempotency::IdempotencyError;
use crate::model::{ProfileName, RequestedSettings, SESSION_LIFE, SessionSettings};
use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// Why a session or result cannot be returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The session of this request id has expired.
    #[error("the session of this request_id has expired: use a new request_id")]
    RequestIdExpired,
    /// The version 7 request id is older than a session's life, by Livegate's clock.
    #[error(
        "the request_id was created {} s ago by the caller's clock, a session lives {} s: check \
         the caller's clock or send a new request_id",
        .age.as_secs(),
        SESSION_LIFE.as_secs()
    )]
    RequestIdTooOld {
        /// The age of the id.
        age: Duration,
    },
    /// The request id was used before with other parameters.
    #[error("this request_id was used before with other parameters")]
    RequestIdConflict,
    /// The caller lacks a permission. The request used no quota token.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The result token does not match the caller, subject and session, or has expired. The
    /// error reveals neither which of them, nor whether the session exists.
    #[error("the result_token is not for this caller, subject and session_id, or has expired")]
    ResultTokenInvalid,
    /// Admission refused the request before any attempt.
    #[error(transparent)]
    Refused(#[from] AdmissionRefused),
    /// There are as many watches as allowed, of all callers or of this one.
    #[error(transparent)]
    WatchLimitExceeded(#[from] WatchLimitExceeded),
    /// The deadline passed before an attempt was sent.
    #[error("the deadline passed before a call was sent to AWS")]
    DeadlineExceeded,
    /// The deadline passed during or after an attempt, which may have created a session.
    /// Only a repeat with the same request id returns that session.
    #[error("the deadline passed while a call to AWS was in progress")]
    DeadlineExceededUpstream,
    /// The deadline of a watch passed before the check has finished.
    #[error("the deadline of the watch passed before the check finished: watch again")]
    WatchDeadlineExceeded,
    /// The record of the request id is required and cannot be read or written. The cause is
    /// for the log only: it may name hosts of the operators.
    #[error("the record of the request_id cannot be stored: the store failed")]
    StoreUnavailable(String),
    /// AWS rejected a parameter of a configured profile. The operators must fix it, not the
    /// caller.
    #[error("the profile {} is refused, inform the operators: {error}", profile.as_str())]
    ProfileRefused {
        /// The name of the profile.
        profile: ProfileName,
        /// The error from AWS.
        error: UpstreamError,
    },
    /// AWS rejected a parameter although the caller sent no settings.
    #[error("a request without settings is refused, inform the operators: {0}")]
    DefaultsRefused(UpstreamError),
    /// AWS denied access for a call whose bucket or key the caller chose. The other calls
    /// show whether the role of Livegate lacks a permission as well.
    #[error("check the s3_bucket and the kms_key_id of the request: {0}")]
    CallerResourceDenied(UpstreamError),
    /// The last attempt failed, and no further attempt was made.
    #[error(transparent)]
    Upstream(UpstreamError),
    /// A create call without a request id failed with this error, and AWS may have created
    /// a session, which no repeat can return.
    #[error("{0}; a session may exist, and a repeat without its request_id creates another")]
    OutcomeUnknown(Box<SessionError>),
}

impl SessionError {
    /// The process shuts down.
    pub const SHUTTING_DOWN: Self = Self::Refused(AdmissionRefused {
        reason: RefusalReason::Closed,
        retry_after: Duration::ZERO,
    });

    /// Attributes an error of AWS on creating a session with `requested`: a parameter that the
    /// caller did not send to the operators, and a bucket or key in the request to the caller.
    pub(super) fn of_create(error: UpstreamError, requested: &RequestedSettings) -> Self {
        match (error.kind, requested) {
            (UpstreamErrorKind::InvalidParameter, RequestedSettings::Profile(profile)) => {
                let profile = profile.clone();
                Self::ProfileRefused { profile, error }
            }
            (UpstreamErrorKind::InvalidParameter, RequestedSettings::Settings(own))
                if *own == SessionSettings::default() =>
            {
                Self::DefaultsRefused(error)
            }
            (UpstreamErrorKind::AccessDenied, RequestedSettings::Settings(own))
                if own.output.is_some() || own.kms_key_id.is_some() =>
            {
                Self::CallerResourceDenied(error)
            }
            _ => Self::Upstream(error),
        }
    }

    /// Returns the error of the last attempt, if that is the cause.
    #[must_use]
    pub fn upstream(&self) -> Option<&UpstreamError> {
        match self {
            Self::Upstream(error)
            | Self::ProfileRefused { error, .. }
            | Self::DefaultsRefused(error)
            | Self::CallerResourceDenied(error) => Some(error),
            Self::OutcomeUnknown(cause) => cause.upstream(),
            Self::RequestIdExpired
            | Self::RequestIdTooOld { .. }
            | Self::RequestIdConflict
            | Self::NotAllowed(_)
            | Self::ResultTokenInvalid
            | Self::Refused(_)
            | Self::WatchLimitExceeded(_)
            | Self::DeadlineExceeded
            | Self::DeadlineExceededUpstream
            | Self::WatchDeadlineExceeded
            | Self::StoreUnavailable(_) => None,
        }
    }

    /// Returns the cause that only the log may have.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::StoreUnavailable(cause) => Some(cause),
            _ => self.upstream()?.cause.as_deref(),
        }
    }
}

impl From<IdempotencyError> for SessionError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Conflict => Self::RequestIdConflict,
            IdempotencyError::Unavailable(error) => Self::StoreUnavailable(error.to_string()),
        }
    }
}
