//! The port to the AWS API: each call is one attempt with one outcome.
//!
//! This module defines the outcomes of an attempt. It does not retry, wait or limit, and
//! knows neither the SDK nor gRPC. [`aws`] is the adapter.
//!
//! For example, AWS responds 400 with `ThrottlingException`. The adapter returns an
//! [`UpstreamError`] of kind [`Throttled`](UpstreamErrorKind::Throttled) with AWS's
//! code, message and request id. `retry` uses the kind, `grpc::status` the rest.

pub mod aws;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::model::{ClientRequestToken, LivenessResult, SessionId, SessionSettings};

/// The AWS operations. Each call is one attempt, without retries.
///
/// A call that is dropped may still have reached AWS: only a repeat with the same
/// client request token returns that session.
pub trait LivenessApi: Send + Sync + 'static {
    /// Creates the session of `token`, or returns the one created for it before.
    fn create(
        &self,
        token: &ClientRequestToken,
        settings: &SessionSettings,
    ) -> impl Future<Output = Result<AttemptOutput<SessionId>, UpstreamError>> + Send;

    /// Reads the result of a session.
    fn result(
        &self,
        session: &SessionId,
    ) -> impl Future<Output = Result<AttemptOutput<LivenessResult>, UpstreamError>> + Send;
}

/// The output of a successful attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptOutput<T> {
    /// The session id or the result.
    pub value: T,
    /// AWS's request id of the attempt, if the response has one.
    pub aws_request_id: Option<String>,
}

/// The kind of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamErrorKind {
    /// AWS throttled the attempt: the rate quota is used up.
    Throttled,
    /// A service quota other than the rate is reached: waiting does not help.
    QuotaExceeded,
    /// AWS reported an internal error.
    Internal,
    /// AWS or the network path to it is temporarily unavailable.
    Unavailable,
    /// No response within the attempt timeout.
    Timeout,
    /// A success response that cannot be parsed, is for another session, or has a value
    /// outside its documented bounds.
    InvalidResponse,
    /// AWS rejected a parameter.
    InvalidParameter,
    /// AWS denied Livegate's role access to the operation, the KMS key or the bucket.
    AccessDenied,
    /// AWS rejected Livegate's credentials, or there are none.
    Credentials,
    /// AWS does not know the session.
    SessionNotFound,
    /// The client request token was used before with other parameters.
    RequestConflict,
    /// Any other error.
    Unknown,
}

impl UpstreamErrorKind {
    /// Returns the name in logs and metrics.
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

    /// Whether another attempt with the same client request token may succeed.
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

/// A failed attempt, with the details that AWS returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// The kind of the failure.
    pub kind: UpstreamErrorKind,
    /// AWS's error code, without its namespace.
    pub code: Option<String>,
    /// AWS's error message.
    pub message: Option<String>,
    /// The chain of causes in this process, for example a refused connection. For the log
    /// only: it names hosts and files of the operators.
    pub cause: Option<String>,
    /// AWS's request id of the attempt.
    pub aws_request_id: Option<String>,
    /// The HTTP status of the response, if there was one.
    pub http_status: Option<u16>,
    /// The delay that AWS asks for (`x-amz-retry-after`).
    pub retry_after: Option<Duration>,
}

impl UpstreamError {
    /// Returns an error of this kind without details.
    #[must_use]
    pub fn bare(kind: UpstreamErrorKind) -> Self {
        Self {
            kind,
            code: None,
            message: None,
            cause: None,
            aws_request_id: None,
            http_status: None,
            retry_after: None,
        }
    }

    /// Returns the error of a success response with this problem.
    #[must_use]
    pub fn invalid_response(problem: &str) -> Self {
        Self {
            message: Some(problem.to_owned()),
            http_status: Some(200),
            ..Self::bare(UpstreamErrorKind::InvalidResponse)
        }
    }

    /// Whether AWS may have carried out the operation although the attempt failed.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        match self.kind {
            UpstreamErrorKind::Internal
            | UpstreamErrorKind::Unavailable
            | UpstreamErrorKind::Timeout
            | UpstreamErrorKind::InvalidResponse => true,
            UpstreamErrorKind::Unknown => {
                self.is_from_proxy() || self.http_status.is_some_and(|status| status >= 500)
            }
            UpstreamErrorKind::AccessDenied => self.is_from_proxy(),
            UpstreamErrorKind::Throttled
            | UpstreamErrorKind::QuotaExceeded
            | UpstreamErrorKind::InvalidParameter
            | UpstreamErrorKind::Credentials
            | UpstreamErrorKind::SessionNotFound
            | UpstreamErrorKind::RequestConflict => false,
        }
    }

    /// Whether the response has no sign of AWS. A proxy that inspects responses may refuse
    /// them after AWS has carried out the operation.
    fn is_from_proxy(&self) -> bool {
        self.http_status.is_some() && self.code.is_none() && self.aws_request_id.is_none()
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = match self.kind {
            UpstreamErrorKind::Throttled => "AWS throttled the request",
            UpstreamErrorKind::QuotaExceeded => "AWS service quota exceeded",
            UpstreamErrorKind::Internal => "AWS internal error",
            UpstreamErrorKind::Unavailable => "AWS is unavailable",
            UpstreamErrorKind::Timeout => "AWS did not respond within the attempt timeout",
            UpstreamErrorKind::InvalidResponse => "AWS returned an invalid response",
            UpstreamErrorKind::InvalidParameter => "AWS rejected a parameter",
            UpstreamErrorKind::AccessDenied => {
                "AWS denied Livegate's role access, not the caller: check role, KMS key and bucket"
            }
            UpstreamErrorKind::Credentials if self.http_status.is_none() => {
                "Livegate has no AWS credentials, and did not call AWS"
            }
            UpstreamErrorKind::Credentials => "AWS rejected Livegate's credentials",
            UpstreamErrorKind::SessionNotFound => "AWS session not found",
            UpstreamErrorKind::RequestConflict => {
                "the request_id was used before with other parameters"
            }
            UpstreamErrorKind::Unknown => "AWS rejected the request",
        };
        f.write_str(summary)?;
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
