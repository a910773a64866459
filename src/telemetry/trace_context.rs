//! Whose child a call is: the trace that its caller began, by the headers of W3C.
//!
//! An example: `traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
//! The call's span is a child of `00f067aa0ba902b7`, and its log lines carry
//! `trace_id=4bf92f3577b34da6a3ce929d0e0e4736`, also where traces are off. A header
//! that cannot be read counts as none: the call begins a trace of its own.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes `span` the child of whoever `headers` name, and records its `trace_id`,
/// where there is one and the span has the field.
pub fn follow(span: &Span, headers: &HeaderMap) {
    let parent =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Read(headers));
    // It fails where traces are off: then the parent's id is the trace's id.
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

struct Read<'h>(&'h HeaderMap);

impl Extractor for Read<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
