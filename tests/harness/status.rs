//! The status of a failed call, checked against the rules for all failures.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The status of a failed call, parsed as application code and gRPC clients parse it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallStatus {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) metadata: HashMap<String, String>,
    /// The invalid fields and their descriptions.
    pub(crate) violations: Vec<(String, String)>,
    /// The subjects of the quota violations.
    pub(crate) quotas: Vec<String>,
    /// The delay in `RetryInfo`.
    pub(crate) retry_after: Option<Duration>,
    /// The trailer `grpc-retry-pushback-ms`, which gRPC clients obey.
    pub(crate) pushback: Option<i64>,
    /// Livegate's id of the call.
    pub(crate) call_id: String,
}

impl CallStatus {
    /// Parses `status`. Panics if it breaks a rule for all failures.
    pub(crate) fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().expect("every failure has a reason");
        assert_eq!(info.domain, "livegate");
        let request = details.request_info().expect("every failure has a call id");
        let violations = details.bad_request().map(|bad| &bad.field_violations[..]);
        let quotas = details
            .quota_failure()
            .map(|failure| &failure.violations[..]);
        let pushback = status.metadata().get("grpc-retry-pushback-ms");
        let parsed = Self {
            code: status.code(),
            reason: info.reason.clone(),
            message: status.message().to_owned(),
            metadata: info.metadata.clone(),
            violations: violations
                .unwrap_or_default()
                .iter()
                .map(|violation| (violation.field.clone(), violation.description.clone()))
                .collect(),
            quotas: quotas
                .unwrap_or_default()
                .iter()
                .map(|violation| violation.subject.clone())
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            pushback: pushback.map(|text| text.to_str().unwrap().parse().unwrap()),
            call_id: request.request_id.clone(),
        };
        parsed.check_rules();
        parsed
    }

    fn check_rules(&self) {
        assert!(!self.call_id.is_empty(), "{self:?}");
        assert!(!self.message.is_empty(), "{self:?}");
        assert_ne!(self.code, Code::Cancelled, "the caller did not cancel");
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        assert!(self.reason.bytes().all(upper), "{self:?}");
        // gRPC clients retry these codes with their own backoff unless there is a pushback.
        let retried = matches!(self.code, Code::ResourceExhausted | Code::Unavailable);
        assert!(!retried || self.pushback.is_some(), "{self:?}");
        if let Some(pushback) = self.pushback {
            let wait = self.retry_after.map_or(-1, |wait| wait.as_millis() as i64);
            assert!(pushback == -1 || pushback == wait, "{self:?}");
        }
    }

    /// Returns the code and the reason.
    pub(crate) fn code_and_reason(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }

    /// Returns the paths of the invalid fields.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let fields = self.violations.iter();
        fields.map(|(field, _)| field.as_str()).collect()
    }
}
