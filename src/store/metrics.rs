//! What is counted of the store: whether it is there, and how its calls went.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::StoreError;

/// Upper bounds in seconds: a store nearby answers within 1 ms, and 50 ms is the
/// longest wait unless said otherwise.
const BUCKETS: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0, 10.0,
];

type Durations = Family<CallLabels, Histogram, fn() -> Histogram>;

/// The metrics of the store. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// Nothing is there without a store: a 0 would alarm everyone.
    up: Family<Which, Gauge<i64, AtomicI64>>,
    calls: Durations,
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    store: &'static str,
}

const SHARED: Which = Which { store: "shared" };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    outcome: &'static str,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            up: Family::default(),
            calls: Durations::new_with_constructor(|| Histogram::new(BUCKETS)),
        }
    }
}

impl StoreMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "livegate_store_up",
            "1 while there is a connection to the store; 0: replicas go on alone, each at its \
             share. Not there without a store",
            metrics.up.clone(),
        );
        registry.register(
            "livegate_store_call_duration_seconds",
            "How long calls to the store took, by what came of them; slow: longer than store.timeout",
            metrics.calls.clone(),
        );
        metrics
    }

    pub(super) fn is_up(&self, up: bool) {
        self.up.get_or_create(&SHARED).set(i64::from(up));
    }

    pub(super) fn called<T>(
        &self,
        operation: &'static str,
        took: Duration,
        answer: &Result<T, StoreError>,
    ) {
        let outcome = match answer {
            Ok(_) => "ok",
            Err(StoreError::Down) => "down",
            Err(StoreError::Slow(_)) => "slow",
            Err(StoreError::Failed(_)) => "failed",
        };
        let labels = CallLabels { operation, outcome };
        let calls = self.calls.get_or_create(&labels);
        calls.observe(took.as_secs_f64());
    }
}
