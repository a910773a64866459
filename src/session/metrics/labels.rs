//! Label values of the attempt metrics. The spans of attempts use the same values.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

use crate::admission::RefusalReason;
use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// AWS's error codes with a series of their own: those that its documentation lists for the
/// two operations. A closed list, so that codes from the network cannot create series.
const CODES: [&str; 14] = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "ServiceQuotaExceededException",
    "InternalServerError",
    "ServiceUnavailableException",
    "AccessDeniedException",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "InvalidParameterException",
    "ValidationException",
    "SessionNotFoundException",
    "IdempotentParameterMismatchException",
];

/// Whether an attempt is the first one of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AttemptLabel {
    First,
    Retry,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::session) enum OutcomeLabel {
    Ok,
    Failed(UpstreamErrorKind),
    /// The deadline passed soon after the attempt was sent.
    Deadline,
    /// The caller gave up soon after the attempt was sent.
    Cancelled,
    /// The deadline passed or the caller gave up, and AWS was slow.
    Hung,
}

/// Why admission refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::session) struct RefusalLabel(pub(in crate::session) RefusalReason);

/// The error code of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AwsCodeLabel {
    None,
    Listed(&'static str),
    Other,
}

impl AttemptLabel {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
        }
    }
}

impl OutcomeLabel {
    pub(in crate::session) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(kind) => kind.as_str(),
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
            Self::Hung => "hung",
        }
    }
}

impl RefusalLabel {
    pub(in crate::session) fn as_str(self) -> &'static str {
        match self.0 {
            RefusalReason::Quota => "quota",
            RefusalReason::ConcurrentChecks => "concurrent_checks",
            RefusalReason::CallerQuota => "caller_quota",
            RefusalReason::DeadlineTooShort => "deadline_too_short",
            RefusalReason::Closed => "closed",
        }
    }
}

impl AwsCodeLabel {
    pub(super) fn of(error: &UpstreamError) -> Self {
        let Some(code) = error.code.as_deref() else {
            return Self::None;
        };
        let listed = CODES.into_iter().find(|listed| *listed == code);
        listed.map_or(Self::Other, Self::Listed)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Listed(code) => code,
            Self::Other => "other",
        }
    }
}

macro_rules! encode_as_str {
    ($($label:ty)*) => {
        $(impl EncodeLabelValue for $label {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                encoder.write_str(self.as_str())
            }
        })*
    };
}

encode_as_str!(AttemptLabel OutcomeLabel RefusalLabel AwsCodeLabel);
