//! The metrics of all components, in one registry.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::clock::ClockCollector;
use super::process::ProcessCollector;
use crate::admission::{AdmissionMetrics, CheckLimit};
use crate::audit::AuditMetrics;
use crate::auth::AuthMetrics;
use crate::config::Config;
use crate::grpc::GrpcMetrics;
use crate::model::{CallerId, Clock};
use crate::retry::{RetryMetrics, RetryPolicy};
use crate::session::{AttemptMetrics, CheckMetrics};
use crate::store::StoreMetrics;
use crate::transport::TransportMetrics;
use crate::upstream::aws::CredentialsMetrics;

/// The metrics of all components.
pub(super) struct Metrics {
    /// The clock whose skew is a metric.
    pub(super) clock: Clock,
    pub(super) retry: Arc<RetryPolicy>,
    pub(super) grpc: GrpcMetrics,
    pub(super) transport: TransportMetrics,
    pub(super) audit: AuditMetrics,
    pub(super) auth: AuthMetrics,
    pub(super) attempts: AttemptMetrics,
    pub(super) checks: CheckMetrics,
    pub(super) admission: AdmissionMetrics,
    pub(super) store: StoreMetrics,
    pub(super) credentials: CredentialsMetrics,
}

impl Metrics {
    /// Creates a registry with the metrics of all components.
    pub(super) fn new(config: &Config) -> (Registry, Self) {
        let mut registry = Registry::default();
        let metrics = Self::register(&mut registry, config);
        (registry, metrics)
    }

    fn register(registry: &mut Registry, config: &Config) -> Self {
        let retry = Arc::new(RetryPolicy::new(&config.retry));
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit", env!("BUILD_COMMIT")),
            ("architecture", std::env::consts::ARCH),
        ];
        registry.register(
            "livegate_build",
            "Always 1; the labels identify the running build. More than one version outside an \
             upgrade is an error",
            Info::new(build.to_vec()),
        );
        let clock = Clock::awaiting_check();
        registry.register_collector(Box::new(ClockCollector(clock.clone())));
        registry.register_collector(Box::new(ProcessCollector));
        RetryMetrics::register(registry, retry.clone());
        let named = named_callers(config);
        if let Some(limit) = &config.check_limit {
            register_check_limit(registry, limit);
        }
        Self {
            clock,
            retry,
            grpc: GrpcMetrics::register(registry),
            transport: TransportMetrics::register(registry),
            audit: AuditMetrics::register(registry),
            auth: AuthMetrics::register(registry),
            attempts: AttemptMetrics::register(registry, named),
            checks: CheckMetrics::register(registry),
            admission: AdmissionMetrics::register(registry),
            store: StoreMetrics::register(registry),
            credentials: CredentialsMetrics::register(registry),
        }
    }
}

/// Registers the settings that the observed checks are compared with.
fn register_check_limit(registry: &mut Registry, limit: &CheckLimit) {
    for (name, help, value) in [
        (
            "livegate_checks_typical_duration_seconds",
            "checks.typical_duration, to compare with livegate_check_duration_seconds",
            limit.typical_duration.as_secs_f64(),
        ),
        (
            "livegate_checks_started_share_ratio",
            "checks.started_share, to compare with livegate_checks_total",
            limit.started_share,
        ),
    ] {
        let gauge: Gauge<f64, AtomicU64> = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}

/// Returns the callers with metric series of their own.
pub(super) fn named_callers(config: &Config) -> HashSet<CallerId> {
    config.callers.limits.named.keys().cloned().collect()
}
