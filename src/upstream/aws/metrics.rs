//! What is known of Livegate's own credentials: since when it has them, when they
//! expire, and how often they were asked for before that, because AWS refused them.
//!
//! An example: a pod has had its credentials for 5 h, and they live for 6 h:
//! `time() - livegate_aws_credentials_loaded_timestamp_seconds` is 18,000. Renewed,
//! it is 0 again. Static ones just grow older, and nothing else tells of them.

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
    /// Nothing is there before the first ones are: they are not 50 years old.
    loaded: Family<Whose, Gauge<f64, AtomicU64>>,
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
            "livegate_aws_credentials_loaded_timestamp_seconds",
            "When the AWS credentials now in use were first loaded, in seconds since 1970: \
             time() less this is their age. Those that expire should be renewed before that; \
             those that do not, replaced as often as your rules for keys say",
            metrics.loaded.clone(),
        );
        registry.register(
            "livegate_aws_credentials_expiry_timestamp_seconds",
            "When Livegate's AWS credentials expire, in seconds since 1970; the first \
             call after that asks for new ones. Not there for those that do not expire",
            metrics.expiry.clone(),
        );
        registry.register(
            "livegate_aws_credentials_refreshes",
            "How often AWS refused the credentials, or none came, so that they were asked for \
             anew; more than a few: look at the role, and at what gives it to the pod",
            metrics.refreshes.clone(),
        );
        metrics
    }

    /// From now on other credentials are in use.
    pub(super) fn loaded(&self) {
        let now = seconds(wall_clock());
        self.loaded.get_or_create(&OURS).set(now);
    }

    pub(super) fn expire(&self, at: SystemTime) {
        self.expiry.get_or_create(&OURS).set(seconds(at));
    }

    pub(super) fn refreshed(&self) {
        self.refreshes.inc();
    }
}

fn seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

#[expect(
    clippy::disallowed_methods,
    reason = "it leaves the process as a timestamp"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
