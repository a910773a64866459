//! What is known of Livegate's own credentials: when they expire, and how often
//! they were asked for before that, because AWS refused them.

use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of the credentials. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct CredentialsMetrics {
    /// Nothing is there for credentials that do not expire: a 0 would alarm
    /// everyone.
    expiry: Family<Whose, Gauge<f64, AtomicU64>>,
    refreshes: Counter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Whose {
    credentials: &'static str,
}

const OURS: Whose = Whose {
    credentials: "service",
};

impl CredentialsMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "livegate_aws_credentials_expiry_timestamp_seconds",
            "When Livegate's AWS credentials expire, in seconds since 1970; the first \
             call after that asks for new ones. Not there for those that do not expire",
            metrics.expiry.clone(),
        );
        registry.register(
            "livegate_aws_credentials_refreshes",
            "How often AWS refused the credentials, so that new ones were asked for; more than a \
             few: look at the role",
            metrics.refreshes.clone(),
        );
        metrics
    }

    pub(super) fn expire(&self, at: SystemTime) {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.expiry.get_or_create(&OURS).set(since.as_secs_f64());
    }

    pub(super) fn refreshed(&self) {
        self.refreshes.inc();
    }
}
