//! What is left of the retry budget, worked out when somebody looks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::Retry;

/// Tells what the budget of a policy holds.
#[derive(Debug)]
pub struct RetryMetrics(Arc<Retry>);

impl RetryMetrics {
    /// Registers the gauge of `retry`.
    pub fn register(registry: &mut Registry, retry: Arc<Retry>) {
        registry.register_collector(Box::new(Self(retry)));
    }
}

impl Collector for RetryMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let left = ConstGauge::new(self.0.left(Instant::now()));
        let described = encoder.encode_descriptor(
            "livegate_retry_budget_retries",
            "Retries that may still be made; below 1 failures go straight to the callers: look at \
             what AWS answers",
            None,
            left.metric_type(),
        )?;
        left.encode(described)
    }
}
