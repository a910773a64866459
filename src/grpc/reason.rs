//! The reason in the `ErrorInfo` of a failed call, and the party at fault.
//!
//! Every error has exactly one reason, and every reason one fault. Alerts use the fault,
//! because a status code does not tell it. Some texts have two reasons: a parameter that AWS
//! rejects (`UPSTREAM_INVALID_PARAMETER`), or a bucket or key to which it denies access
//! (`UPSTREAM_ACCESS_DENIED`), is the caller's fault if the request contains it, and else
//! that of the operators. For example, of 1000 calls 30 fail with
//! `CALLER_QUOTA_EXHAUSTED`, 20 with `UPSTREAM_UNAVAILABLE` and 2 with
//! `STORE_UNAVAILABLE`. The latter two are both `UNAVAILABLE`, but only 0.2 % of the
//! calls failed because of Livegate.
//!
//! The runbook explains the fault of each reason; a test compares it with this table.

use std::error::Error;

use http::Response;
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::metrics;

/// The party that must act on a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Fault {
    /// The caller, because of its request, its rate or its deadline.
    Caller,
    /// No party: the AWS quota is exhausted.
    Quota,
    /// AWS, or the network to it.
    Aws,
    /// Livegate, its store, its access to AWS, its operators' settings, or an unknown
    /// error of AWS. These consume the error budget.
    Livegate,
}

impl Fault {
    /// Returns the value of the metric label.
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}

impl EncodeLabelValue for Fault {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

/// Declares the reasons: name, text and fault.
macro_rules! reasons {
    ($($(#[$attribute:meta])* $name:ident = $text:literal, $fault:ident;)+) => {
        /// Why a call failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub(super) enum Reason {
            $($(#[$attribute])* #[error($text)] $name,)+
            /// `tonic` itself failed the call, with only a status code, which is the label in
            /// the metrics. The status has no `ErrorInfo`.
            #[error("{}", metrics::name(*.0))]
            Bare(Code),
        }

        impl Reason {
            /// All but the bare codes.
            pub(super) const NAMED: &[Self] = &[$(Self::$name,)+];

            /// Whether the contract lists the reason, so that it is sent in `ErrorInfo`.
            pub(super) fn is_named(self) -> bool {
                !matches!(self, Self::Bare(_))
            }

            /// Returns the text in `ErrorInfo` and in metrics.
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Bare(code) => metrics::name(code),
                }
            }

            /// Returns the party at fault.
            pub(super) fn fault(self) -> Fault {
                match self {
                    $(Self::$name => Fault::$fault,)+
                    // For example an unknown service in a health check, or an aborted request.
                    Self::Bare(_) => Fault::Caller,
                }
            }
        }
    };
}

reasons! {
    InvalidRequest = "INVALID_REQUEST", Caller;
    MessageTooLarge = "MESSAGE_TOO_LARGE", Caller;
    RequestBodyTimeout = "REQUEST_BODY_TIMEOUT", Caller;
    MethodNotFound = "METHOD_NOT_FOUND", Caller;
    CompressionUnsupported = "COMPRESSION_UNSUPPORTED", Caller;
    ResultsDisabled = "RESULTS_DISABLED", Caller;
    CallerNotAuthenticated = "CALLER_NOT_AUTHENTICATED", Caller;
    CallerNotAllowed = "CALLER_NOT_ALLOWED", Caller;
    ResultTokenInvalid = "RESULT_TOKEN_INVALID", Caller;
    SessionNotFound = "SESSION_NOT_FOUND", Caller;
    RequestIdExpired = "REQUEST_ID_EXPIRED", Caller;
    RequestIdConflict = "REQUEST_ID_CONFLICT", Caller;
    CallerQuotaExhausted = "CALLER_QUOTA_EXHAUSTED", Caller;
    /// It is the callers' fault, so that callers that fill the limit cannot page the on-call
    /// engineer.
    ConcurrencyLimitExceeded = "CONCURRENCY_LIMIT_EXCEEDED", Caller;
    WatchLimitExceeded = "WATCH_LIMIT_EXCEEDED", Caller;
    DeadlineExceeded = "DEADLINE_EXCEEDED", Caller;
    UpstreamInvalidParameter = "UPSTREAM_INVALID_PARAMETER", Caller;
    QuotaExhausted = "QUOTA_EXHAUSTED", Quota;
    ConcurrentChecksExhausted = "CONCURRENT_CHECKS_EXHAUSTED", Quota;
    UpstreamThrottled = "UPSTREAM_THROTTLED", Quota;
    UpstreamQuotaExceeded = "UPSTREAM_QUOTA_EXCEEDED", Quota;
    UpstreamInternal = "UPSTREAM_INTERNAL", Aws;
    UpstreamUnavailable = "UPSTREAM_UNAVAILABLE", Aws;
    UpstreamTimeout = "UPSTREAM_TIMEOUT", Aws;
    UpstreamInvalidResponse = "UPSTREAM_INVALID_RESPONSE", Aws;
    /// AWS rejects settings that the caller did not send: of a profile, or the defaults.
    UpstreamInvalidSettings = "UPSTREAM_INVALID_PARAMETER", Livegate;
    /// Usually the account or the endpoint is wrong, and no other alert covers it.
    UpstreamUnknown = "UPSTREAM_UNKNOWN", Livegate;
    UpstreamAccessDenied = "UPSTREAM_ACCESS_DENIED", Livegate;
    /// AWS denies access for a call whose bucket or key the caller chose. If the role lacks
    /// a permission, the calls without one fail as well, and are Livegate's fault.
    UpstreamResourceDenied = "UPSTREAM_ACCESS_DENIED", Caller;
    UpstreamCredentials = "UPSTREAM_CREDENTIALS", Livegate;
    StoreUnavailable = "STORE_UNAVAILABLE", Livegate;
    JwksUnavailable = "JWKS_UNAVAILABLE", Livegate;
    /// The keys were read before the token was presented. Anyone can present such tokens.
    TokenKeyPending = "JWKS_UNAVAILABLE", Caller;
    /// The drain ended a watch after its headers. Its client watches again, on another
    /// replica, so a rolling update must not page the on-call engineer.
    WatchDrained = "SHUTTING_DOWN", Caller;
    ShuttingDown = "SHUTTING_DOWN", Livegate;
    Internal = "INTERNAL", Livegate;
}

impl Reason {
    /// Whether Livegate's own rules refused the call, which the audit records.
    pub(super) fn is_policy_refusal(self) -> bool {
        matches!(self, Self::CallerNotAllowed | Self::ResultTokenInvalid)
    }

    /// Returns the reason in the details of a status that ended a stream. Of two reasons with
    /// one text, it is the first.
    pub(super) fn in_details(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        let mut named = Self::NAMED.iter().copied();
        named.find(|reason| reason.as_str() == info.reason)
    }

    /// Returns the reason of the status that became `response`.
    pub(super) fn of<B>(response: &Response<B>) -> Option<Self> {
        let status = response.extensions().get::<Status>()?;
        // `tonic` wraps a status that a request's body returned.
        let causes = std::iter::successors(status.source(), |&cause| cause.source());
        causes
            .filter_map(|cause| cause.downcast_ref())
            .next()
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const RUNBOOK: &str = include_str!("../../deploy/runbook.md");

    /// Returns the whole words in the column `reason` of a document's tables.
    fn reasons_in<'a>(document: &'a str, table: &str) -> BTreeSet<&'a str> {
        let rows = document.lines().map(str::trim_start);
        let rows = rows.filter_map(|line| line.strip_prefix(table));
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        let is_between = |c: char| !c.is_ascii_uppercase() && c != '_';
        cells.flat_map(|cell| cell.split(is_between)).collect()
    }

    #[test]
    fn the_contract_lists_every_reason() {
        let contract = reasons_in(
            include_str!("../../proto/livegate/v1/session.proto"),
            "// |",
        );
        for reason in Reason::NAMED.iter().map(|reason| reason.as_str()) {
            assert!(contract.contains(reason), "contract: {reason}");
        }
    }

    #[test]
    fn a_code_or_a_longer_reason_is_no_match() {
        let rows = "| `INTERNAL` | `UPSTREAM_INTERNAL`, `QUOTA_EXHAUSTED` (or so) | no |";
        let found = reasons_in(rows, "|");
        assert!(found.contains("UPSTREAM_INTERNAL") && found.contains("QUOTA_EXHAUSTED"));
        assert!(!found.contains("INTERNAL") && !found.contains("EXHAUSTED"));
    }

    /// Returns the runbook's rows: reason and fault.
    fn runbook_rows() -> BTreeSet<(&'static str, &'static str)> {
        let (_, section) = RUNBOOK.split_once("\n## Whose fault it is\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let mut table = BTreeSet::new();
        for row in rows {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            for reason in cells[1].split(", ") {
                let fault = cells[2].trim_matches('`');
                let is_new = table.insert((reason.trim_matches('`'), fault));
                assert!(is_new, "{reason} is listed twice");
            }
            assert!(!cells[3].is_empty(), "no explanation: {row}");
        }
        table
    }

    #[test]
    fn the_runbook_lists_the_fault_of_every_reason() {
        let bare = (1..=16).map(|code| Reason::Bare(Code::from_i32(code)));
        // These have a named reason, or the middleware maps them to one.
        let bare = bare.filter(|reason| {
            !matches!(
                reason,
                Reason::Bare(
                    Code::OutOfRange
                        | Code::Internal
                        | Code::DeadlineExceeded
                        | Code::Unimplemented
                )
            )
        });
        let reasons = Reason::NAMED.iter().copied().chain(bare);
        let mut rows = runbook_rows();
        for reason in reasons {
            let fault = reason.fault().as_str();
            let is_listed = rows.remove(&(reason.as_str(), fault));
            assert!(is_listed, "{reason}: {fault}");
        }
        assert!(rows.is_empty(), "unknown reasons: {rows:?}");
    }
}
