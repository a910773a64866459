//! The skew of the own clock as a metric, read at each scrape.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::model::{Clock, ClockSource};

/// Collects the skew against the clocks that were observed.
#[derive(Debug)]
pub(super) struct ClockCollector(pub(super) Clock);

impl Collector for ClockCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "livegate_clock_skew_seconds",
            "By how much the own clock is ahead of AWS's and the store's; negative: behind. Up to \
             5 s is normal. No series until the first answer after the start, a change of the own \
             clock or a suspension",
            None,
            MetricType::Gauge,
        )?;
        for source in [ClockSource::Aws, ClockSource::Store] {
            if let Some(skew) = self.0.skew(source) {
                let labels = [("source", source.as_str())];
                let series = family.encode_family(&labels)?;
                ConstGauge::new(skew).encode(series)?;
            }
        }
        Ok(())
    }
}
