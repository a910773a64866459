//! Exports traces to an OpenTelemetry collector by OTLP over gRPC, if an endpoint is
//! configured.
//!
//! The headers of an export, such as a login, are read from a file for each export, so they
//! can be rotated. The connection obeys the proxy that the environment sets.
//!
//! Spans wait in a queue of 2048 and are sent in batches by a separate thread. For
//! example, the collector is down for an hour. Calls are not affected; spans beyond 2048
//! are dropped; the log has one line when the outage starts and one when it ends.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::log_filter::is_livegate;
use crate::change::Condition;
use crate::egress::EgressConnector;

const QUEUE_CAPACITY: usize = 2048;
const BATCH_SIZE: usize = 512;
const BATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit for sending the remaining spans at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether calls are traced, and where the traces are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesSettings {
    /// The URL of the collector; `None` for no traces.
    pub endpoint: Option<String>,
    /// A file with headers for the collector, one `name: value` on each line.
    pub headers_file: Option<PathBuf>,
    /// The ratio of traces started here that is sampled, 0 to 1. The sampling decision of
    /// a caller's trace is kept.
    pub sample_ratio: f64,
    /// The timeout for sending one batch.
    pub timeout: Duration,
}

/// Samples, batches and sends spans.
#[derive(Debug)]
pub(super) struct TracePipeline {
    provider: SdkTracerProvider,
}

impl TracePipeline {
    /// Returns the pipeline to the collector in `settings`, if any. It sends nothing yet.
    pub(super) fn open(settings: &TracesSettings, region: &str) -> Result<Option<Self>, String> {
        let Some(endpoint) = &settings.endpoint else {
            return Ok(None);
        };
        let invalid = |error: &dyn Display| format!("traces.endpoint = {endpoint:?}: {error}");
        let tls = ClientTlsConfig::new().with_native_roots();
        let channel = Endpoint::from_shared(endpoint.clone()).and_then(|at| at.tls_config(tls));
        let channel = channel.map_err(|error| invalid(&error))?;
        let channel = channel.connect_with_connector_lazy(EgressConnector::from_env());
        let headers_file = settings.headers_file.clone();
        let exporter = Otlp::builder()
            .with_tonic()
            .with_channel(channel)
            .with_interceptor(move |mut request: Request<()>| {
                if let Some(path) = &headers_file {
                    add_headers(path, request.metadata_mut())?;
                }
                Ok(request)
            })
            .with_timeout(settings.timeout)
            .build()
            .map_err(|error| invalid(&error))?;
        let batch_config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_CAPACITY)
            .with_max_export_batch_size(BATCH_SIZE)
            .with_scheduled_delay(BATCH_INTERVAL)
            .build();
        let batches = BatchSpanProcessor::builder(OutageLogger::new(exporter))
            .with_batch_config(batch_config)
            .build();
        let root = Sampler::TraceIdRatioBased(settings.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batches)
            .with_sampler(Sampler::ParentBased(Box::new(root)))
            .with_resource(resource(region))
            .build();
        Ok(Some(Self { provider }))
    }

    /// Returns the layer that exports the spans of this crate. It exports no log lines.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let own_spans = filter_fn(|metadata| metadata.is_span() && is_livegate(metadata))
            .with_max_level_hint(LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("livegate"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(own_spans)
    }

    pub(super) async fn close(self) {
        let provider = self.provider;
        let sent =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        // An outage of the collector has been logged already.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, sent).await;
    }
}

/// Adds the headers in the file at `path`. It blocks, on the thread that exports.
fn add_headers(path: &Path, headers: &mut MetadataMap) -> Result<(), Status> {
    let invalid = |problem: &dyn Display| {
        let path = path.display();
        Status::unauthenticated(format!("traces.headers_file = \"{path}\": {problem}"))
    };
    let text = std::fs::read_to_string(path).map_err(|error| invalid(&error))?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name = name.trim().to_ascii_lowercase();
            let key = MetadataKey::from_bytes(name.as_bytes()).ok()?;
            let mut value = MetadataValue::try_from(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((key, value))
        });
        let (key, value) = header.ok_or_else(|| invalid(&"each line must be NAME: VALUE"))?;
        headers.insert(key, value);
    }
    Ok(())
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

/// Logs the start and the end of an outage of the collector, once each.
#[derive(Debug)]
struct OutageLogger<E> {
    exporter: E,
    outage: Condition,
}

impl<E> OutageLogger<E> {
    fn new(exporter: E) -> Self {
        let outage = Condition::default();
        Self { exporter, outage }
    }

    fn on_export(&self, sent: &OTelSdkResult) {
        match sent {
            Err(error) if self.outage.begin(()) => {
                warn!(%error, "trace export failed, spans are dropped");
            }
            Ok(()) if self.outage.end() => info!("trace export recovered"),
            Ok(()) | Err(_) => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for OutageLogger<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.on_export(&sent);
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
