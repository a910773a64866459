//! From the domain's error to a gRPC status: code, reason, details, trailer.
//!
//! Every status carries one `ErrorInfo` and our request id. Whether to come back,
//! and when, is said twice: `RetryInfo` for application code, the trailer
//! `grpc-retry-pushback-ms` for stock clients, which obey it. A pushback beyond the
//! caller's deadline would turn a refusal of 1 ms into a `DEADLINE_EXCEEDED` after
//! the whole of it, so the trailer then says -1.
//!
//! An example: refused, come back in 2.4 s, with 10 s of the deadline left:
//! `RESOURCE_EXHAUSTED`, `QUOTA_EXHAUSTED`, RetryInfo 2.4 s, trailer `2400`. With
//! 1 s left: the same, trailer `-1`.

#![warn(clippy::wildcard_enum_match_arm)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt as _};

use super::call::Call;
use super::reason::Reason;
use crate::admission::{AdmissionRefused, RefusalReason};
use crate::auth::NotAuthenticated;
use crate::session::SessionError;
use crate::transport::ConcurrencyLimitExceeded;
use crate::upstream::{UpstreamError, UpstreamErrorKind as Kind};

/// Who speaks in our `ErrorInfo`s.
const DOMAIN: &str = "livegate";

/// What stock clients obey: milliseconds to wait, or -1.
pub(super) const PUSHBACK_KEY: &str = "grpc-retry-pushback-ms";

/// When to come back after a failure that passes, where AWS did not say.
const TRANSIENT_DELAY: Duration = Duration::from_secs(1);

/// When to come back to another replica.
const ELSEWHERE_DELAY: Duration = Duration::from_millis(100);

/// How many field violations are told, in how many bytes, and how many characters of
/// all of them together.
const MOST_VIOLATIONS: usize = 16;
const MOST_VIOLATION_BYTES: usize = 2400;
const LONGEST_MESSAGE: usize = 1000;

/// A status in the making.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) code: Code,
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) come_back: ComeBack,
    pub(super) metadata: HashMap<String, String>,
    pub(super) violations: Vec<FieldViolation>,
    pub(super) quota: Option<String>,
}

/// Whether the same call can come to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ComeBack {
    /// After this time.
    After(Duration),
    /// No: stock clients are told so.
    Never,
    /// The code says enough.
    Unspecified,
}

impl Explained {
    pub(super) fn new(code: Code, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            come_back: ComeBack::Unspecified,
            metadata: HashMap::new(),
            violations: Vec::new(),
            quota: None,
        }
    }

    fn come_back(mut self, come_back: ComeBack) -> Self {
        self.come_back = come_back;
        self
    }

    pub(super) fn with(mut self, key: &str, value: &impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// All that is wrong with a request, as far as it fits: the details leave as
    /// headers, and clients read 8 KiB of those.
    pub(super) fn invalid(mut violations: Vec<FieldViolation>) -> Self {
        let all = violations.len();
        violations.truncate(as_many_as_fit(&violations));
        let beyond = all - violations.len();
        let text = |v: &FieldViolation| format!("{}: {}", v.field, v.description);
        let told = violations.iter().map(text).collect::<Vec<_>>().join("; ");
        let mut message: String = told.chars().take(LONGEST_MESSAGE).collect();
        if beyond > 0 {
            message.push_str(&format!("; and {beyond} more"));
        }
        let mut explained = Self::new(Code::InvalidArgument, Reason::InvalidRequest, message);
        explained.violations = violations;
        explained
    }

    /// Nobody knows who calls.
    pub(super) fn unauthenticated(why: NotAuthenticated) -> Self {
        Self::new(
            Code::Unauthenticated,
            Reason::CallerNotAuthenticated,
            why.to_string(),
        )
    }

    /// As many calls are under way as there may be.
    pub(super) fn too_many(exceeded: ConcurrencyLimitExceeded) -> Self {
        let message = exceeded.to_string();
        let mut explained = Self::new(
            Code::ResourceExhausted,
            Reason::ConcurrencyLimitExceeded,
            message,
        )
        .come_back(ComeBack::After(TRANSIENT_DELAY));
        explained.quota = Some("requests_in_flight".to_owned());
        explained.with("limit", &exceeded.limit)
    }

    /// The caller's time is over, wherever the call is.
    pub(super) fn too_late() -> Self {
        let message = "the deadline was over before the call was answered";
        Self::new(Code::DeadlineExceeded, Reason::DeadlineExceeded, message)
    }

    /// A bug of ours.
    pub(super) fn internal() -> Self {
        Self::new(
            Code::Internal,
            Reason::Internal,
            "the service failed; its logs say why",
        )
    }

    /// What the domain says.
    pub(super) fn of(error: &SessionError, call: &Call) -> Self {
        let told = |code, reason| Self::new(code, reason, error.to_string());
        let explained = match error {
            SessionError::RequestIdExpired => {
                told(Code::FailedPrecondition, Reason::RequestIdExpired)
            }
            SessionError::RequestIdConflict => told(Code::AlreadyExists, Reason::RequestIdConflict),
            SessionError::NotAllowed(refused) => {
                told(Code::PermissionDenied, Reason::CallerNotAllowed)
                    .with("field", &refused.field())
            }
            SessionError::ResultTokenInvalid => {
                told(Code::PermissionDenied, Reason::ResultTokenInvalid)
            }
            SessionError::DeadlineExceeded => {
                told(Code::DeadlineExceeded, Reason::DeadlineExceeded)
            }
            SessionError::DeadlineExceededUpstream => {
                told(Code::DeadlineExceeded, Reason::UpstreamTimeout)
            }
            SessionError::StoreUnavailable(_) => told(Code::Unavailable, Reason::StoreUnavailable)
                .come_back(ComeBack::After(TRANSIENT_DELAY)),
            SessionError::Refused(refused) => Self::of_refusal(*refused, call),
            SessionError::ProfileRefused { error, .. } => Self {
                reason: Reason::UpstreamInvalidProfile,
                ..Self::of_upstream(error)
            },
            SessionError::Upstream(error) => Self::of_upstream(error),
        };
        explained.with("caller", &call.caller)
    }

    fn of_refusal(refused: AdmissionRefused, call: &Call) -> Self {
        let (reason, quota) = match refused.reason {
            RefusalReason::Quota => (Reason::QuotaExhausted, "quota:shared".to_owned()),
            RefusalReason::CallerQuota => (
                Reason::CallerQuotaExhausted,
                format!("caller:{}", call.caller),
            ),
            RefusalReason::DeadlineTooShort => return Self::too_late(),
            RefusalReason::Closed => {
                return Self::new(Code::Unavailable, Reason::ShuttingDown, refused.to_string())
                    .come_back(ComeBack::After(ELSEWHERE_DELAY));
            }
        };
        let millis = refused.retry_after.as_millis();
        let message = format!("{refused}: come back in {millis} ms");
        let mut explained = Self::new(Code::ResourceExhausted, reason, message);
        explained.come_back = ComeBack::After(refused.retry_after);
        explained.quota = Some(quota);
        explained.with("retry_after_ms", &millis)
    }

    fn of_upstream(error: &UpstreamError) -> Self {
        let (code, reason) = upstream_code(error.kind);
        let come_back = if error.kind.is_transient() {
            ComeBack::After(error.retry_after.unwrap_or(TRANSIENT_DELAY))
        } else if error.kind == Kind::QuotaExceeded {
            ComeBack::Never
        } else {
            ComeBack::Unspecified
        };
        let explained = Self::new(code, reason, error.to_string()).come_back(come_back);
        let told = [
            ("aws_code", error.code.clone()),
            ("aws_message", error.message.clone()),
            ("aws_request_id", error.aws_request_id.clone()),
            (
                "http_status",
                error.http_status.map(|status| status.to_string()),
            ),
        ];
        let told = told
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        told.fold(explained, |explained, (key, value)| {
            explained.with(key, &value)
        })
    }

    /// The status, as it leaves at `now`.
    pub(super) fn into_status(self, call_id: &str, call: Option<&Call>, now: Instant) -> Status {
        let mut details =
            ErrorDetails::with_error_info(self.reason.as_str(), DOMAIN, self.metadata);
        details.set_request_info(call_id, "");
        if !self.violations.is_empty() {
            details.set_bad_request(self.violations);
        }
        if let Some(subject) = self.quota {
            details.set_quota_failure(vec![QuotaViolation::new(subject, self.message.clone())]);
        }
        let mut trailers = MetadataMap::new();
        let pushback = match self.come_back {
            ComeBack::Unspecified => None,
            ComeBack::Never => Some(-1),
            ComeBack::After(wait) => {
                details.set_retry_info(Some(wait));
                let fits = call.is_none_or(|call| call.outlasts(wait, now));
                Some(if fits {
                    i64::try_from(wait.as_millis()).unwrap_or(-1)
                } else {
                    -1
                })
            }
        };
        if let Some(millis) = pushback {
            trailers.insert(PUSHBACK_KEY, MetadataValue::from(millis));
        }
        let mut status =
            Status::with_error_details_and_metadata(self.code, self.message, details, trailers);
        // The edge counts by it.
        status.set_source(Arc::new(self.reason));
        status
    }
}

/// How many of `violations`, from the first on, can be told.
fn as_many_as_fit(violations: &[FieldViolation]) -> usize {
    let mut bytes = 0;
    let fits = |violation: &&FieldViolation| {
        bytes += violation.field.len() + violation.description.len();
        bytes <= MOST_VIOLATION_BYTES
    };
    let most = violations.iter().take(MOST_VIOLATIONS);
    most.take_while(fits).count()
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
