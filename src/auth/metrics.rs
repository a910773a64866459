//! What is counted of callers that are not known, and of the keys of tokens.
//!
//! An example: an alarm on `time() - livegate_auth_jwks_read_timestamp_seconds`
//! above an hour tells that the keys grow old, before the issuer changes them.

use std::sync::atomic::AtomicI64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::failure::NotAuthenticated;
use super::settings::JwksSource;

/// The metrics of identity. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct AuthMetrics {
    failures: Family<Reason, Counter>,
    /// Nothing is there before the first reading: a 0 would alarm everyone.
    read: Family<Source, Gauge<i64, AtomicI64>>,
    fetches: Family<Outcome, Counter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl AuthMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // A rate is made of two readings: the one failure that is our own fault must not
        // go unseen as it begins.
        let reason = NotAuthenticated::KeysMissing.label();
        metrics.failures.get_or_create(&Reason { reason }).inc_by(0);
        registry.register(
            "livegate_auth_failures",
            "Calls whose caller was not authenticated, by reason",
            metrics.failures.clone(),
        );
        registry.register(
            "livegate_auth_jwks_read_timestamp_seconds",
            "When the keys of tokens were last read from their source, in seconds since 1970",
            metrics.read.clone(),
        );
        registry.register(
            "livegate_auth_jwks_fetches",
            "Readings of the keys of tokens, by whether they brought changed keys, the same, \
             or failed",
            metrics.fetches.clone(),
        );
        metrics
    }

    pub(super) fn failed(&self, failure: NotAuthenticated) {
        let reason = failure.label();
        self.failures.get_or_create(&Reason { reason }).inc();
    }

    /// A call waits for the first keys: until it has been told something, it counts as
    /// one without them when it is dropped.
    pub(super) fn waits_for_keys(&self) -> WaitGuard<'_> {
        WaitGuard(Some(self))
    }

    pub(super) fn keys_changed(&self, source: &JwksSource) {
        self.fetched("changed");
        self.keys_are_fresh(source);
    }

    pub(super) fn keys_stayed(&self, source: &JwksSource) {
        self.fetched("unchanged");
        self.keys_are_fresh(source);
    }

    pub(super) fn keys_failed(&self) {
        self.fetched("failed");
    }

    fn fetched(&self, outcome: &'static str) {
        self.fetches.get_or_create(&Outcome { outcome }).inc();
    }

    fn keys_are_fresh(&self, source: &JwksSource) {
        let since_epoch = wall_clock().duration_since(UNIX_EPOCH);
        let seconds = since_epoch.unwrap_or_default().as_secs();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let source = match source {
            JwksSource::File(_) => "file",
            JwksSource::Url { .. } => "url",
        };
        self.read.get_or_create(&Source { source }).set(seconds);
    }
}

/// Counts its call when dropped, unless the wait was over.
pub(super) struct WaitGuard<'a>(Option<&'a AuthMetrics>);

impl WaitGuard<'_> {
    /// What is known now is judged, and counted, like that of any other call.
    pub(super) fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.0 {
            metrics.failed(NotAuthenticated::KeysMissing);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it leaves the process as a timestamp"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn that_there_are_no_keys_is_counted_from_zero_on() {
        let mut registry = Registry::default();
        let metrics = AuthMetrics::register(&mut registry);
        let page = |registry: &Registry| {
            let mut page = String::new();
            encode(&mut page, registry).unwrap();
            page
        };
        let line = "\nlivegate_auth_failures_total{reason=\"jwks_unavailable\"} ";
        assert!(page(&registry).contains(&format!("{line}0\n")));
        metrics.failed(NotAuthenticated::KeysMissing);
        assert!(page(&registry).contains(&format!("{line}1\n")));
    }
}
