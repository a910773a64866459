//! Where traces go: a collector that speaks OTLP over gRPC, off unless it is named.
//!
//! Spans wait in a queue of 2048 and leave in batches, from a thread of their own.
//! An example: the collector is down for an hour. Calls go on as before; the queue
//! is full at 2048 spans and what comes after is dropped; the log has one line as
//! that begins and one as it ends, 3600 s later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing::{Subscriber, info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::filter::is_ours;

/// How many spans wait at most, and how many leave together.
const QUEUE: usize = 2048;
const BATCH: usize = 512;
const SEND_EACH: Duration = Duration::from_secs(1);

/// How long the last ones may take to leave.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Whether and where calls are traced.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesSettings {
    /// The collector; `None`: no traces.
    pub endpoint: Option<String>,
    /// The part of the traces begun here that is sent, 0 to 1; a caller's own
    /// decision stands.
    pub sample_ratio: f64,
    /// How long one batch may take.
    pub timeout: Duration,
}

/// Whether `text` is the URL of a collector: http, a host, a port, nothing else.
#[must_use]
pub fn is_collector(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
    let port = uri.authority().and_then(http::uri::Authority::port_u16);
    plain && !text.contains(['@', '?', '#']) && port.is_some()
}

/// The way to the collector.
#[derive(Debug)]
pub(super) struct Collector {
    provider: SdkTracerProvider,
}

impl Collector {
    /// The way to the collector that `settings` name, if any; nothing is sent yet.
    pub(super) fn open(settings: &TracesSettings, region: &str) -> Result<Option<Self>, String> {
        let Some(endpoint) = &settings.endpoint else {
            return Ok(None);
        };
        let exporter = Otlp::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(settings.timeout)
            .build()
            .map_err(|error| format!("traces.endpoint = {endpoint:?}: {error}"))?;
        let queue = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(SEND_EACH)
            .build();
        let batches = BatchSpanProcessor::builder(Episodes::of(exporter))
            .with_batch_config(queue)
            .build();
        let own = Sampler::TraceIdRatioBased(settings.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batches)
            .with_sampler(Sampler::ParentBased(Box::new(own)))
            .with_resource(resource(region))
            .build();
        Ok(Some(Self { provider }))
    }

    /// Makes our spans, and nobody else's, spans of traces; log lines stay logs.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = filter_fn(|about| about.is_span() && is_ours(about));
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("livegate"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    pub(super) async fn close(self) {
        let provider = self.provider;
        let sent = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_WORDS));
        // A collector that is down was told of already.
        let _ = tokio::time::timeout(LAST_WORDS, sent).await;
    }
}

fn resource(region: &str) -> Resource {
    Resource::builder_empty()
        .with_service_name("livegate")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
            KeyValue::new("cloud.provider", "aws"),
            KeyValue::new("cloud.region", region.to_owned()),
        ])
        .build()
}

/// Says once that the collector is gone, and once that it is back.
#[derive(Debug)]
struct Episodes<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> Episodes<E> {
    fn of(exporter: E) -> Self {
        let failing = AtomicBool::new(false);
        Self { exporter, failing }
    }

    fn note(&self, sent: &OTelSdkResult) {
        let failed = sent.is_err();
        match (self.failing.swap(failed, Ordering::Relaxed), sent) {
            (false, Err(problem)) => {
                warn!(%problem, "the collector takes no traces: spans are dropped");
            }
            (true, Ok(())) => info!("the collector takes traces again"),
            (false, Ok(())) | (true, Err(_)) => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Episodes<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.note(&sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_host_and_a_port() {
        for right in ["http://127.0.0.1:4317", "http://collector.monitoring:4317/"] {
            assert!(is_collector(right), "{right}");
        }
        for wrong in [
            "",
            "127.0.0.1:4317",
            "http://collector",
            "https://collector:4317",
            "http://me:word@h:1",
            "http://h:1/v1/traces",
            "http://h:1?a",
        ] {
            assert!(!is_collector(wrong), "{wrong}");
        }
    }
}
