//! What a door looks like, for the operators.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::AdmissionState;

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
        let gauges = [
            (
                "livegate_admission_waiting_requests",
                "Requests that wait for a slot; near admission.max_waiting the service refuses",
                &metrics.waiting,
            ),
            (
                "livegate_admission_callers",
                "Callers that are kept apart; at admission.max_callers new ones share a line",
                &metrics.callers,
            ),
            (
                "livegate_admission_rate_calls_per_second",
                "Calls a second that are released at present",
                &metrics.rate,
            ),
            (
                "livegate_admission_adaptive_factor_ratio",
                "Share of the configured rate in use; below 1: others spend the same quota",
                &metrics.factor,
            ),
            (
                "livegate_admission_tokens",
                "Calls that could be released at once",
                &metrics.tokens,
            ),
            (
                "livegate_admission_degraded",
                "1 while the store of the shared quota does not answer: this replica goes on \
                 alone, at its share",
                &metrics.degraded,
            ),
            (
                "livegate_admission_replicas",
                "Replicas that share the quota, as far as is known",
                &metrics.replicas,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        metrics
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
