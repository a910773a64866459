//! What a door looks like, for the operators.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What a door looks like at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdmissionState {
    /// Requests that wait, of all callers.
    pub waiting: usize,
    /// Callers that are kept apart.
    pub callers: usize,
    /// Calls a second that are released at present.
    pub rate_per_second: f64,
    /// The share of the configured rate in use: 0.05 to 1.
    pub adaptive_factor: f64,
    /// Calls that could be released at once, in parts too.
    pub level: f64,
    /// The quota is shared, and the store does not answer: this replica goes on
    /// alone, at its share.
    pub degraded: bool,
    /// Replicas that share the quota, as far as is known.
    pub replicas: u32,
}

type Levels = Family<OperationLabel, Gauge<f64, AtomicU64>>;

/// The gauges of all doors. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct AdmissionMetrics {
    waiting: Levels,
    callers: Levels,
    rate: Levels,
    factor: Levels,
    tokens: Levels,
    degraded: Levels,
    replicas: Levels,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

impl AdmissionMetrics {
    /// Registers the gauges.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for (name, help, gauge) in metrics.gauges() {
            registry.register(name, help, gauge.clone());
        }
        metrics
    }

    fn gauges(&self) -> [(&'static str, &'static str, &Levels); 7] {
        [
            (
                "livegate_admission_waiting_requests",
                "Requests that wait for a slot; near admission.max_waiting the service refuses",
                &self.waiting,
            ),
            (
                "livegate_admission_callers",
                "Callers that are kept apart; at admission.max_callers new ones share a line",
                &self.callers,
            ),
            (
                "livegate_admission_rate_calls_per_second",
                "Calls a second that are released at present",
                &self.rate,
            ),
            (
                "livegate_admission_adaptive_factor_ratio",
                "Share of the configured rate in use; below 1: others spend the same quota",
                &self.factor,
            ),
            (
                "livegate_admission_quota_tokens",
                "Calls that could be released at once",
                &self.tokens,
            ),
            (
                "livegate_admission_degraded",
                "1 while the store of the shared quota does not answer: this replica goes on \
                 alone, at its share",
                &self.degraded,
            ),
            (
                "livegate_admission_replicas",
                "Replicas that share the quota, as far as is known",
                &self.replicas,
            ),
        ]
    }

    /// Notes how the door of `operation` looks.
    pub fn record(&self, operation: &'static str, state: &AdmissionState) {
        let label = OperationLabel { operation };
        self.waiting.get_or_create(&label).set(state.waiting as f64);
        self.callers.get_or_create(&label).set(state.callers as f64);
        self.rate.get_or_create(&label).set(state.rate_per_second);
        self.factor.get_or_create(&label).set(state.adaptive_factor);
        self.tokens.get_or_create(&label).set(state.level);
        let degraded = f64::from(u8::from(state.degraded));
        self.degraded.get_or_create(&label).set(degraded);
        let replicas = f64::from(state.replicas);
        self.replicas.get_or_create(&label).set(replicas);
    }
}
