//! The metrics of Livegate's own AWS credentials: when they were loaded, when they
//! expire, and how often they were refreshed because AWS rejected them.
//!
//! For example, a pod loaded credentials 5 h ago that are valid for 6 h:
//! `time() - livegate_aws_credentials_loaded_timestamp_seconds` is 18,000, and 0 again
//! after they are renewed. The age of static credentials only grows.

use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::wall_clock;

/// The metrics of the credentials. Clones share the same metrics.
#[derive(Clone, Debug, Default)]
pub struct CredentialsMetrics {
    /// Has no series before the first load: an age since 1970 would alert.
    loaded: Family<CredentialsLabels, Gauge<f64, AtomicU64>>,
    /// Has no series for credentials that do not expire: an expiry of 0 would alert.
    expiry: Family<CredentialsLabels, Gauge<f64, AtomicU64>>,
    refreshes: Counter,
    renewal_failures: Counter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CredentialsLabels {
    credentials: CredentialsOwner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum CredentialsOwner {
    Service,
}

impl EncodeLabelValue for CredentialsOwner {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Self::Service => "service".encode(encoder),
        }
    }
}

const SERVICE: CredentialsLabels = CredentialsLabels {
    credentials: CredentialsOwner::Service,
};

impl CredentialsMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "livegate_aws_credentials_loaded_timestamp_seconds",
            "When the current AWS credentials were first loaded, in seconds since 1970; time() \
             minus this is their age. Temporary credentials must be renewed before they expire; \
             rotate static ones as your policy requires",
            metrics.loaded.clone(),
        );
        registry.register(
            "livegate_aws_credentials_expiry_timestamp_seconds",
            "When the current AWS credentials expire, in seconds since 1970; they are renewed after \
             half of their life. No series for credentials that do not expire",
            metrics.expiry.clone(),
        );
        registry.register(
            "livegate_aws_credentials_refreshes",
            "Reloads of the AWS credentials because AWS rejected them or none were available; if \
             it keeps rising, check the role and the pod's credentials provider",
            metrics.refreshes.clone(),
        );
        registry.register(
            "livegate_aws_credentials_renewal_failures",
            "Renewals of the AWS credentials that failed; the current ones remain in use until they \
             expire: check the role and the pod's credentials provider",
            metrics.renewal_failures.clone(),
        );
        metrics
    }

    /// Records that new credentials are in use.
    pub(super) fn loaded(&self) {
        let now = seconds(wall_clock());
        self.loaded.get_or_create(&SERVICE).set(now);
    }

    pub(super) fn set_expiry(&self, at: Option<SystemTime>) {
        if let Some(at) = at {
            self.expiry.get_or_create(&SERVICE).set(seconds(at));
        }
    }

    pub(super) fn renewal_failed(&self) {
        self.renewal_failures.inc();
    }

    pub(super) fn refreshed(&self) {
        self.refreshes.inc();
    }
}

fn seconds(at: SystemTime) -> f64 {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs_f64()
}
