//! The state of admission, and its gauges.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The state of one operation's admission at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdmissionState {
    /// Waiting requests of all callers.
    pub waiting: usize,
    /// Callers that have a queue. The overflow queue counts as one.
    pub callers: usize,
    /// The current rate of permits, in calls a second.
    pub rate_per_second: f64,
    /// The share of the configured rate in use: 0.05 to 1.
    pub adaptive_factor: f64,
    /// Quota tokens available now, fractions included.
    pub level: f64,
    /// Whether the quota is shared and the store is unavailable, so that this replica
    /// uses its local share of the rate.
    pub degraded: bool,
    /// Replicas that share the quota, as last reported by the store.
    pub replicas: u32,
    /// The share of the rate that is left to other replicas, which have not returned since
    /// the store was unavailable.
    pub away: f64,
}

/// The name, the description and the value of each gauge.
type Definition = (&'static str, &'static str, fn(&AdmissionState) -> f64);
const GAUGES: [Definition; 7] = [
    (
        "livegate_admission_waiting_requests",
        "Requests waiting for a quota token; requests above admission.max_waiting are refused",
        |state| state.waiting as f64,
    ),
    (
        "livegate_admission_callers",
        "Callers with a queue; further callers above admission.max_callers share one queue",
        |state| state.callers as f64,
    ),
    (
        "livegate_admission_rate_calls_per_second",
        "Current rate of permits in calls per second",
        |state| state.rate_per_second,
    ),
    (
        "livegate_admission_adaptive_factor_ratio",
        "Share of the configured rate in use; below 1 other clients spend the same quota",
        |state| state.adaptive_factor,
    ),
    (
        "livegate_admission_quota_tokens",
        "Quota tokens available now",
        |state| state.level,
    ),
    (
        "livegate_admission_degraded",
        "1 while the store of the shared quota is unavailable and this replica uses its \
         local share",
        |state| f64::from(u8::from(state.degraded)),
    ),
    (
        "livegate_admission_replicas",
        "Replicas that share the quota, as last reported by the store",
        |state| f64::from(state.replicas),
    ),
];

/// The gauges of all operations. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct AdmissionMetrics([Family<Label, Gauge<f64, AtomicU64>>; GAUGES.len()]);

type Label = [(&'static str, &'static str); 1];

impl AdmissionMetrics {
    /// Registers the gauges.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for ((name, help, _), gauge) in GAUGES.iter().zip(&metrics.0) {
            registry.register(*name, *help, gauge.clone());
        }
        metrics
    }

    /// Sets the gauges of `operation`.
    pub fn record(&self, operation: &'static str, state: &AdmissionState) {
        for ((_, _, value), gauge) in GAUGES.iter().zip(&self.0) {
            let gauge = gauge.get_or_create(&[("operation", operation)]);
            gauge.set(value(state));
        }
    }
}
