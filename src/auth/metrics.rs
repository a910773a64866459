//! The metrics of authentication: failures by reason, and the freshness of the JWKS.
//!
//! For example, an alert on `time() - livegate_auth_jwks_read_timestamp_seconds > 3600`
//! fires when the JWKS has been stale for an hour, before the issuer rotates its keys.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::error::NotAuthenticated;
use super::settings::JwksSource;
use crate::model::{unix_time, wall_clock};

/// The metrics of authentication. Clones share the same counters.
#[derive(Clone, Debug, Default)]
pub struct AuthMetrics {
    failures: Family<Label, Counter>,
    /// Has no series before the first successful read: an age since 1970 would alert.
    read_at: Family<Label, Gauge<i64, AtomicI64>>,
    fetches: Family<Label, Counter>,
}

type Label = [(&'static str, &'static str); 1];

impl AuthMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // A rate needs two samples: starting at 0 makes the first failure visible. It is
        // the one reason that is the service's own fault.
        metrics.count_failures(NotAuthenticated::JwksUnavailable, 0);
        registry.register(
            "livegate_auth_failures",
            "Calls whose caller was not authenticated, by reason",
            metrics.failures.clone(),
        );
        registry.register(
            "livegate_auth_jwks_read_timestamp_seconds",
            "When the JWKS was last read successfully from its source, in seconds since 1970",
            metrics.read_at.clone(),
        );
        registry.register(
            "livegate_auth_jwks_fetches",
            "Reads of the JWKS by outcome: changed keys, unchanged keys, or failed",
            metrics.fetches.clone(),
        );
        metrics
    }

    pub(super) fn failed(&self, reason: NotAuthenticated) {
        self.count_failures(reason, 1);
    }

    fn count_failures(&self, reason: NotAuthenticated, calls: u64) {
        let label = [("reason", reason.into())];
        self.failures.get_or_create(&label).inc_by(calls);
    }

    /// Counts a read of the JWKS by outcome.
    pub(super) fn jwks_fetched(&self, outcome: &'static str) {
        self.fetches.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Sets the time of the last successful read.
    pub(super) fn jwks_read(&self, source: &JwksSource) {
        let seconds = unix_time(wall_clock()).as_secs();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let source = match source {
            JwksSource::File(_) => "file",
            JwksSource::Url { .. } => "url",
        };
        self.read_at
            .get_or_create(&[("source", source)])
            .set(seconds);
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_missing_jwks_is_counted_from_zero_on() {
        let mut registry = Registry::default();
        let metrics = AuthMetrics::register(&mut registry);
        let page = |registry: &Registry| {
            let mut page = String::new();
            encode(&mut page, registry).unwrap();
            page
        };
        let line = "\nlivegate_auth_failures_total{reason=\"jwks_unavailable\"} ";
        assert!(page(&registry).contains(&format!("{line}0\n")));
        metrics.failed(NotAuthenticated::JwksUnavailable);
        assert!(page(&registry).contains(&format!("{line}1\n")));
    }
}
