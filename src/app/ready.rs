//! Readiness as a metric, read at each scrape.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::watch;

use crate::admin::Readiness;

/// Collects the readiness that `/readyz` reports.
#[derive(Debug)]
pub(super) struct ReadyCollector(pub(super) watch::Receiver<Readiness>);

impl Collector for ReadyCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ready = ConstGauge::new(i64::from(*self.0.borrow() == Readiness::Ready));
        let described = encoder.encode_descriptor(
            "livegate_ready",
            "1 while /readyz reports ready. If it is 0 for more than a minute, the service has no \
             AWS credentials",
            None,
            ready.metric_type(),
        )?;
        ready.encode(described)
    }
}
