//! What a caller is told of a failure, held to the rules that every one keeps.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A failure, read as application code and stock clients read it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) metadata: HashMap<String, String>,
    /// The fields that are wrong, and how.
    pub(crate) violations: Vec<(String, String)>,
    /// Whose quota is spent.
    pub(crate) quotas: Vec<String>,
    /// `RetryInfo`.
    pub(crate) retry_after: Option<Duration>,
    /// The trailer that stock clients obey.
    pub(crate) pushback: Option<i64>,
    /// Our own name for the call.
    pub(crate) call_id: String,
}

impl Told {
    /// Reads `status`; fails the scene where it breaks a rule of all failures.
    pub(crate) fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().expect("every failure has a reason");
        assert_eq!(info.domain, "livegate");
        let request = details.request_info().expect("every failure has our id");
        let violations = details.bad_request().map(|bad| &bad.field_violations[..]);
        let quotas = details
            .quota_failure()
            .map(|failure| &failure.violations[..]);
        let pushback = status.metadata().get("grpc-retry-pushback-ms");
        let told = Self {
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
        told.keep_the_rules();
        told
    }

    fn keep_the_rules(&self) {
        assert!(!self.call_id.is_empty(), "{self:?}");
        assert!(!self.message.is_empty(), "{self:?}");
        assert_ne!(self.code, Code::Cancelled, "the caller did not cancel");
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        assert!(self.reason.bytes().all(upper), "{self:?}");
        // Stock clients retry these where nothing says when.
        let retried = matches!(self.code, Code::ResourceExhausted | Code::Unavailable);
        assert!(!retried || self.pushback.is_some(), "{self:?}");
        if let Some(pushback) = self.pushback {
            let wait = self.retry_after.map_or(-1, |wait| wait.as_millis() as i64);
            assert!(pushback == -1 || pushback == wait, "{self:?}");
        }
    }

    /// Code and reason.
    pub(crate) fn what(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }

    /// The fields that are wrong.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let fields = self.violations.iter();
        fields.map(|(field, _)| field.as_str()).collect()
    }
}
