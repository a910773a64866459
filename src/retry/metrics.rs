//! The metric of the retry budget, computed at each scrape.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::RetryPolicy;

/// Reports the balance of a policy's retry budget.
#[derive(Debug)]
pub struct RetryMetrics(Arc<RetryPolicy>);

impl RetryMetrics {
    /// Registers the gauge of `retry`.
    pub fn register(registry: &mut Registry, retry: Arc<RetryPolicy>) {
        registry.register_collector(Box::new(Self(retry)));
    }
}

impl Collector for RetryMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let balance = ConstGauge::new(self.0.available(Instant::now()));
        let metric_encoder = encoder.encode_descriptor(
            "livegate_retry_budget_retries",
            "Retries that the budget still allows; below 1, callers get failures without a retry: \
             check the errors from AWS",
            None,
            balance.metric_type(),
        )?;
        balance.encode(metric_encoder)
    }
}
