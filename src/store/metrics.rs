//! The metrics of the store: whether it is connected, and the duration of calls by
//! outcome.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::StoreError;

/// Upper bounds in seconds: a store in the same network responds within 1 ms, and the
/// default timeout is 50 ms.
const BUCKETS: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0, 10.0,
];

type Durations = Family<Labels<2>, Histogram, fn() -> Histogram>;
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The metrics of the store. Clones share the same metrics.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// Has no series if no store is configured: a 0 would alert.
    up: Family<Labels<1>, Gauge<i64, AtomicI64>>,
    condition: Arc<Mutex<Option<StoreCondition>>>,
    calls: Durations,
}

/// Whether the store is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreCondition {
    /// Whether it is connected.
    pub connected: bool,
    /// Since when.
    pub since: Instant,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            up: Family::default(),
            condition: Arc::default(),
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
            "1 while the store is connected; while it is 0, each replica uses its local share of \
             the quota. No series if no store is configured",
            metrics.up.clone(),
        );
        registry.register(
            "livegate_store_call_duration_seconds",
            "Duration of calls to the store by outcome; slow: longer than store.timeout",
            metrics.calls.clone(),
        );
        metrics
    }

    /// Returns the condition of the store; `None` if no store is configured.
    #[must_use]
    pub fn condition(&self) -> Option<StoreCondition> {
        *self.condition.lock()
    }

    pub(super) fn set_up(&self, up: bool) {
        *self.condition.lock() = Some(StoreCondition {
            connected: up,
            since: Instant::now(),
        });
        self.up
            .get_or_create(&[("store", "shared")])
            .set(i64::from(up));
    }

    pub(super) fn called<T>(
        &self,
        operation: &'static str,
        duration: Duration,
        result: &Result<T, StoreError>,
    ) {
        let outcome = match result {
            Ok(_) => "ok",
            Err(StoreError::Down) => "down",
            Err(StoreError::Slow(_)) => "slow",
            Err(StoreError::Failed(_)) => "failed",
        };
        let labels = [("operation", operation), ("outcome", outcome)];
        let calls = self.calls.get_or_create(&labels);
        calls.observe(duration.as_secs_f64());
    }
}
