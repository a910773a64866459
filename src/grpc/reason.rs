//! Why a call failed, as its `ErrorInfo` says it, and whose fault that is.
//!
//! Every error that leaves has exactly one reason, and every reason one fault: the
//! alerts go by that, for a code does not tell. One word on the wire has two: what AWS
//! refuses of a profile is not its caller's doing. An example: of 1000 calls 30 are
//! told `CALLER_QUOTA_EXHAUSTED`, 20 `UPSTREAM_UNAVAILABLE` and 2 `STORE_UNAVAILABLE`.
//! The latter two are both `UNAVAILABLE`; 0.2 % of the calls met a fault of our own.
//!
//! The runbook says of each why it is whose: a test holds it to this table.

use std::error::Error;

use http::Response;
use tonic::{Code, Status};

use super::metrics;

/// Who must do something about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Who called, by what was sent or how long it waited.
    Caller,
    /// Nobody: what AWS grants is spent.
    Quota,
    /// AWS, or the way there.
    Aws,
    /// Livegate, its store, its access to AWS, its operators' settings, or what AWS
    /// refuses that nobody knows. These burn the objective.
    Livegate,
}

impl Fault {
    /// Its name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Quota => "quota",
            Self::Aws => "aws",
            Self::Livegate => "livegate",
        }
    }
}

/// Declares the reasons: the name, the word on the wire, and whose fault it is.
macro_rules! reasons {
    ($($(#[$attribute:meta])* $name:ident = $word:literal, $fault:ident;)+) => {
        /// Why a call failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub(super) enum Reason {
            $($(#[$attribute])* #[error($word)] $name,)+
            /// `tonic` itself refused the call, and said no more than its code.
            #[error("{}", metrics::name(*.0))]
            Bare(Code),
        }

        impl Reason {
            /// All but the bare codes.
            pub(super) const NAMED: &[Self] = &[$(Self::$name,)+];

            /// The word on the wire and in metrics.
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                    Self::Bare(code) => metrics::name(code),
                }
            }

            /// Whose fault it is.
            pub(super) fn fault(self) -> Fault {
                match self {
                    $(Self::$name => Fault::$fault,)+
                    // A service that health does not know, a request that broke off.
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
    ResultsDisabled = "RESULTS_DISABLED", Caller;
    CallerNotAuthenticated = "CALLER_NOT_AUTHENTICATED", Caller;
    CallerNotAllowed = "CALLER_NOT_ALLOWED", Caller;
    ResultTokenInvalid = "RESULT_TOKEN_INVALID", Caller;
    SessionNotFound = "SESSION_NOT_FOUND", Caller;
    RequestIdExpired = "REQUEST_ID_EXPIRED", Caller;
    RequestIdConflict = "REQUEST_ID_CONFLICT", Caller;
    CallerQuotaExhausted = "CALLER_QUOTA_EXHAUSTED", Caller;
    /// The places are taken before it is known who calls: whoever fills them is a
    /// caller, and could have others woken at night.
    ConcurrencyLimitExceeded = "CONCURRENCY_LIMIT_EXCEEDED", Caller;
    DeadlineExceeded = "DEADLINE_EXCEEDED", Caller;
    UpstreamInvalidParameter = "UPSTREAM_INVALID_PARAMETER", Caller;
    QuotaExhausted = "QUOTA_EXHAUSTED", Quota;
    UpstreamThrottled = "UPSTREAM_THROTTLED", Quota;
    UpstreamQuotaExceeded = "UPSTREAM_QUOTA_EXCEEDED", Quota;
    UpstreamInternal = "UPSTREAM_INTERNAL", Aws;
    UpstreamUnavailable = "UPSTREAM_UNAVAILABLE", Aws;
    UpstreamTimeout = "UPSTREAM_TIMEOUT", Aws;
    UpstreamInvalidResponse = "UPSTREAM_INVALID_RESPONSE", Aws;
    /// The operators wrote what AWS refuses, and every call for it fails.
    UpstreamInvalidProfile = "UPSTREAM_INVALID_PARAMETER", Livegate;
    /// Nobody else would be told of it, and mostly the account or the endpoint is wrong.
    UpstreamUnknown = "UPSTREAM_UNKNOWN", Livegate;
    UpstreamAccessDenied = "UPSTREAM_ACCESS_DENIED", Livegate;
    UpstreamCredentials = "UPSTREAM_CREDENTIALS", Livegate;
    StoreUnavailable = "STORE_UNAVAILABLE", Livegate;
    ShuttingDown = "SHUTTING_DOWN", Livegate;
    Internal = "INTERNAL", Livegate;
}

impl Reason {
    /// The one of the status that became `response`.
    pub(super) fn of<B>(response: &Response<B>) -> Option<Self> {
        let status = response.extensions().get::<Status>()?;
        // `tonic` wraps a status that comes out of a request's body.
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

    /// What stands in the column `reason` of a document's tables, by whole words.
    fn reasons_in<'a>(document: &'a str, table: &str) -> BTreeSet<&'a str> {
        let rows = document.lines().map(str::trim_start);
        let rows = rows.filter_map(|line| line.strip_prefix(table));
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        let is_between = |c: char| !c.is_ascii_uppercase() && c != '_';
        cells.flat_map(|cell| cell.split(is_between)).collect()
    }

    #[test]
    fn readme_and_contract_say_of_every_reason_what_to_do() {
        let contract = reasons_in(
            include_str!("../../proto/livegate/v1/session.proto"),
            "// |",
        );
        let readme = reasons_in(include_str!("../../README.md"), "|");
        for reason in Reason::NAMED.iter().map(|reason| reason.as_str()) {
            assert!(readme.contains(reason), "README: {reason}");
            assert!(contract.contains(reason), "contract: {reason}");
        }
    }

    #[test]
    fn a_reason_is_not_found_in_a_code_nor_in_a_longer_one() {
        let rows = "| `INTERNAL` | `UPSTREAM_INTERNAL`, `QUOTA_EXHAUSTED` (or so) | no |";
        let found = reasons_in(rows, "|");
        assert!(found.contains("UPSTREAM_INTERNAL") && found.contains("QUOTA_EXHAUSTED"));
        assert!(!found.contains("INTERNAL") && !found.contains("EXHAUSTED"));
    }

    /// Whose fault the runbook says each is.
    fn table() -> BTreeSet<(&'static str, &'static str)> {
        let (_, section) = RUNBOOK.split_once("\n## Whose fault it is\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let mut table = BTreeSet::new();
        for row in rows {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            for reason in cells[1].split(", ") {
                let fault = cells[2].trim_matches('`');
                let is_new = table.insert((reason.trim_matches('`'), fault));
                assert!(is_new, "{reason} is there twice");
            }
            assert!(!cells[3].is_empty(), "no why: {row}");
        }
        table
    }

    #[test]
    fn the_runbook_says_of_every_reason_whose_fault_it_is() {
        let bare = (1..=16).map(|code| Reason::Bare(Code::from_i32(code)));
        // These have a name of their own, or the edge gives them another.
        let bare = bare.filter(|reason| {
            !matches!(
                reason,
                Reason::Bare(Code::OutOfRange | Code::Internal | Code::DeadlineExceeded)
            )
        });
        let reasons = Reason::NAMED.iter().copied().chain(bare);
        let mut table = table();
        for reason in reasons {
            let fault = reason.fault().as_str();
            let is_told = table.remove(&(reason.as_str(), fault));
            assert!(is_told, "{reason}: {fault}");
        }
        assert!(table.is_empty(), "no such reasons: {table:?}");
    }
}
