//! What all components count, in one registry.

use std::collections::HashSet;
use std::sync::Arc;

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process::ProcessCollector;
use crate::admission::AdmissionMetrics;
use crate::audit::AuditMetrics;
use crate::auth::AuthMetrics;
use crate::config::Config;
use crate::grpc::GrpcMetrics;
use crate::model::CallerId;
use crate::retry::{Retry, RetryMetrics};
use crate::session::AttemptMetrics;
use crate::store::StoreMetrics;
use crate::upstream::aws::CredentialsMetrics;

/// What all components count.
pub(super) struct Metrics {
    pub(super) retry: Arc<Retry>,
    pub(super) grpc: GrpcMetrics,
    pub(super) audit: AuditMetrics,
    pub(super) auth: AuthMetrics,
    pub(super) attempts: AttemptMetrics,
    pub(super) admission: AdmissionMetrics,
    pub(super) store: StoreMetrics,
    pub(super) credentials: CredentialsMetrics,
}

impl Metrics {
    /// A registry, and what counts in it.
    pub(super) fn of(config: &Config) -> (Registry, Self) {
        let mut registry = Registry::default();
        let metrics = Self::register(&mut registry, config);
        (registry, metrics)
    }

    fn register(registry: &mut Registry, config: &Config) -> Self {
        let retry = Arc::new(Retry::new(&config.retry));
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("architecture", std::env::consts::ARCH),
        ];
        registry.register(
            "livegate_build",
            "Always 1; its labels say which build runs: more than one version outside an upgrade is a mistake",
            Info::new(build.to_vec()),
        );
        registry.register_collector(Box::new(ProcessCollector));
        RetryMetrics::register(registry, retry.clone());
        let named = named(config);
        Self {
            retry,
            grpc: GrpcMetrics::register(registry),
            audit: AuditMetrics::register(registry),
            auth: AuthMetrics::register(registry),
            attempts: AttemptMetrics::register(registry, named),
            admission: AdmissionMetrics::register(registry),
            store: StoreMetrics::register(registry),
            credentials: CredentialsMetrics::register(registry),
        }
    }
}

/// The callers that have series of their own.
pub(super) fn named(config: &Config) -> HashSet<CallerId> {
    config.callers.limits.named.keys().cloned().collect()
}
