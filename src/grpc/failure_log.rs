//! The log lines of failed calls: those that operators must act on, and a bounded number of
//! the others: [`MAX_LINES`] a second for each reason.
//!
//! For example, 15,000 calls a second fail with `QUOTA_EXHAUSTED`. Each second the log has
//! ten lines `call failed`, and then one line `more calls failed` with `omitted = 14990`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;
use tracing::{error, info};

use super::metrics;
use super::reason::{Fault, Reason};
use super::rpc_error::RpcError;
use crate::auth::NotAuthenticated;
use crate::model::PeerAddress;
use crate::session::SessionError;
use crate::upstream::UpstreamErrorKind;

/// The most lines of one reason in one [`WINDOW`].
const MAX_LINES: u64 = 10;

/// The time from the first of these lines to the line with the number of omitted ones.
const WINDOW: Duration = Duration::from_secs(1);

/// Counts failed calls by reason. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(super) struct FailureLog(Arc<Mutex<HashMap<Reason, u64>>>);

impl FailureLog {
    /// Logs the error of a call, which its caller receives as `rpc_error`. Only what an
    /// operator must fix has the level error.
    pub(super) fn record(&self, error: &SessionError, rpc_error: &RpcError) {
        let reason = rpc_error.reason;
        if !self.count(reason) {
            return;
        }
        let (code, fault) = (metrics::name(rpc_error.code), reason.fault().as_str());
        let reason = reason.as_str();
        let upstream = error.upstream();
        let cause = error.cause();
        let request_id = upstream.and_then(|upstream| upstream.aws_request_id.as_deref());
        match for_operators(error).filter(|_| fault != Fault::Caller.as_str()) {
            Some(message) => {
                error!(code, reason, fault, %error, cause, aws.request_id = request_id, "{message}");
            }
            None => {
                info!(code, reason, fault, %error, cause, aws.request_id = request_id, "call failed");
            }
        }
    }

    /// Logs that the caller of a call is not authenticated, and returns its error.
    pub(super) fn refuse_caller(
        &self,
        cause: NotAuthenticated,
        call_id: &str,
        peer: PeerAddress,
    ) -> RpcError {
        let rpc_error = RpcError::unauthenticated(cause);
        if self.count(rpc_error.reason) {
            let failure: &str = cause.into();
            let peer = peer.socket().map(|peer| peer.to_string());
            info!(
                call_id,
                peer,
                auth.failure = failure,
                "caller not authenticated"
            );
        }
        rpc_error
    }

    /// Counts a failure, and returns whether to log it.
    fn count(&self, reason: Reason) -> bool {
        let mut counts = self.0.lock();
        let failed = counts.entry(reason).or_default();
        *failed += 1;
        if *failed == 1 {
            tokio::spawn(self.clone().end_window(reason));
        }
        *failed <= MAX_LINES
    }

    async fn end_window(self, reason: Reason) {
        sleep(WINDOW).await;
        let failed = self.0.lock().remove(&reason);
        let omitted = failed.unwrap_or_default().saturating_sub(MAX_LINES);
        if omitted > 0 {
            info!(reason = reason.as_str(), omitted, "more calls failed");
        }
    }
}

/// Returns the log message of an error that an operator must fix.
fn for_operators(error: &SessionError) -> Option<&'static str> {
    match error {
        SessionError::ProfileRefused { .. } => {
            return Some("profile rejected by AWS, every request for it fails");
        }
        SessionError::DefaultsRefused(_) => {
            return Some("request without settings rejected by AWS");
        }
        _ => {}
    }
    let upstream = error.upstream()?;
    match upstream.kind {
        UpstreamErrorKind::Credentials if upstream.http_status.is_none() => {
            Some("cannot load AWS credentials, calls fail")
        }
        UpstreamErrorKind::AccessDenied | UpstreamErrorKind::Credentials => {
            Some("access denied by AWS, check the service's role and credentials")
        }
        UpstreamErrorKind::InvalidResponse => Some("invalid response from AWS, the call fails"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_reason_has_ten_lines_a_second() {
        let log = FailureLog::default();
        let lines = |reason| (0..100).filter(|_| log.count(reason)).count();
        for _ in 0..3 {
            assert_eq!(lines(Reason::QuotaExhausted), 10);
            assert_eq!(lines(Reason::CallerQuotaExhausted), 10);
            assert_eq!(lines(Reason::QuotaExhausted), 0);
            // The texts are equal: a caller's own failures do not hide those of Livegate.
            assert_eq!(lines(Reason::UpstreamResourceDenied), 10);
            assert_eq!(lines(Reason::UpstreamAccessDenied), 10);
            sleep(WINDOW + Duration::from_millis(1)).await;
        }
        assert!(log.0.lock().is_empty(), "no window is open");
    }
}
