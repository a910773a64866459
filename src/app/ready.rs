//! Whether the service is ready, as its probes are told, read at each scrape.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::watch;

use crate::admin::Readiness;

/// Tells what `/readyz` says.
#[derive(Debug)]
pub(super) struct ReadyCollector(pub(super) watch::Receiver<Readiness>);

impl Collector for ReadyCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ready = ConstGauge::new(i64::from(*self.0.borrow() == Readiness::Ready));
        let described = encoder.encode_descriptor(
            "livegate_ready",
            "1 while the probes are told that the service is ready; 0 for more than a minute: it \
             has no credentials",
            None,
            ready.metric_type(),
        )?;
        ready.encode(described)
    }
}
