//! The port behind which AWS stands: one attempt in, one outcome out.
//!
//! This module says what an attempt can come to; it does not retry, wait or
//! limit, and it knows neither the SDK nor gRPC. [`aws`] is the adapter.
//!
//! An example: AWS answers 400 with `ThrottlingException`. The adapter returns
//! an [`UpstreamError`] of kind [`Throttled`](UpstreamErrorKind::Throttled) with
//! AWS's code, message and request id; `retry` reads the kind, `grpc::status`
//! reads the rest.

pub mod aws;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::model::{ClientRequestToken, LivenessResult, SessionId, SessionSettings};

/// What Livegate asks of AWS. Each call is one attempt: no retries inside.
///
/// A call that is dropped half way may have reached AWS all the same: only a
/// repeat with the same token brings that session back.
pub trait LivenessApi: Send + Sync + 'static {
    /// Makes the session of `token`, or finds the one that it made before.
    fn create(
        &self,
        token: &ClientRequestToken,
        settings: &SessionSettings,
    ) -> impl Future<Output = Result<AttemptOutput<SessionId>, UpstreamError>> + Send;

    /// Reads what came of a session.
    fn result(
        &self,
        session: &SessionId,
    ) -> impl Future<Output = Result<AttemptOutput<LivenessResult>, UpstreamError>> + Send;
}

/// What AWS answered to an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptOutput<T> {
    /// What was asked for.
    pub value: T,
    /// The id under which AWS knows the attempt, where it says one.
    pub aws_request_id: Option<String>,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamErrorKind {
    /// AWS says that the quota is spent.
    Throttled,
    /// AWS says that a standing limit is reached: waiting will not help.
    QuotaExceeded,
    /// AWS failed inside.
    Internal,
    /// AWS, or the way to it, is not there for now.
    Unavailable,
    /// No answer within the time of one attempt.
    Timeout,
    /// A success that cannot be read, or names no session.
    InvalidResponse,
    /// AWS refused a parameter.
    InvalidParameter,
    /// AWS refused Livegate's role, or the named key or bucket.
    AccessDenied,
    /// AWS does not accept Livegate's credentials, or there are none.
    Credentials,
    /// AWS knows no such session.
    SessionNotFound,
    /// The token was used before, with other parameters.
    RequestConflict,
    /// Anything else.
    Unknown,
}

impl UpstreamErrorKind {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::InvalidResponse => "invalid_response",
            Self::InvalidParameter => "invalid_parameter",
            Self::AccessDenied => "access_denied",
            Self::Credentials => "credentials",
            Self::SessionNotFound => "session_not_found",
            Self::RequestConflict => "request_conflict",
            Self::Unknown => "unknown",
        }
    }

    /// Whether another attempt, with the same token, can come to something else.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::Throttled
            | Self::Internal
            | Self::Unavailable
            | Self::Timeout
            | Self::InvalidResponse => true,
            Self::QuotaExceeded
            | Self::InvalidParameter
            | Self::AccessDenied
            | Self::Credentials
            | Self::SessionNotFound
            | Self::RequestConflict
            | Self::Unknown => false,
        }
    }
}

/// Why an attempt failed, with everything AWS said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// Why it failed.
    pub kind: UpstreamErrorKind,
    /// AWS's own code, without its namespace.
    pub code: Option<String>,
    /// AWS's own words, or the transport's.
    pub message: Option<String>,
    /// The id under which AWS knows the attempt.
    pub aws_request_id: Option<String>,
    /// The HTTP status of the answer, where there was one.
    pub http_status: Option<u16>,
    /// How long AWS asks to wait (`x-amz-retry-after`).
    pub retry_after: Option<Duration>,
}

impl UpstreamError {
    /// An error of which nothing but the kind is known.
    #[must_use]
    pub fn bare(kind: UpstreamErrorKind) -> Self {
        Self {
            kind,
            code: None,
            message: None,
            aws_request_id: None,
            http_status: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            UpstreamErrorKind::Throttled => "aws throttled the call",
            UpstreamErrorKind::QuotaExceeded => "a standing quota at aws is used up",
            UpstreamErrorKind::Internal => "aws failed inside",
            UpstreamErrorKind::Unavailable => "aws is not available",
            UpstreamErrorKind::Timeout => "aws did not answer in time",
            UpstreamErrorKind::InvalidResponse => "aws gave an answer that cannot be read",
            UpstreamErrorKind::InvalidParameter => "aws refused a parameter",
            UpstreamErrorKind::AccessDenied => {
                "aws refused Livegate's role (or the named key or bucket), not the caller"
            }
            UpstreamErrorKind::Credentials => "aws did not accept Livegate's credentials",
            UpstreamErrorKind::SessionNotFound => "aws knows no such session",
            UpstreamErrorKind::RequestConflict => {
                "the request_id was used before with other parameters"
            }
            UpstreamErrorKind::Unknown => "aws refused the call",
        };
        f.write_str(what)?;
        if let Some(code) = &self.code {
            write!(f, ": {code}")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UpstreamError {}
