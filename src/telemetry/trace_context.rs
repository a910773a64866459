//! Continues the caller's trace, by the headers of [W3C Trace Context].
//!
//! For example, with
//! `traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01` the call's span
//! is a child of `00f067aa0ba902b7`, and its log lines carry
//! `trace_id=4bf92f3577b34da6a3ce929d0e0e4736`, even if traces are off. An invalid header
//! is ignored, and the call starts a new trace.
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context/

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes `span` a child of the span that `headers` name. Records the `trace_id`, if there
/// is one and the span has that field.
pub fn set_parent(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new()
        .extract_with_context(&Context::new(), &HeaderExtractor(headers));
    // This fails if traces are off; the trace id is then taken from the parent.
    let _ = span.set_parent(parent.clone());
    let contexts = [span.context(), parent];
    let ids = contexts.map(|context| context.span().span_context().trace_id());
    if let Some(id) = ids
        .into_iter()
        .find(|id| *id != opentelemetry::TraceId::INVALID)
    {
        span.record("trace_id", id.to_string());
    }
}

struct HeaderExtractor<'h>(&'h HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
