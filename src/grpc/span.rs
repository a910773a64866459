//! The tracing span of a call. Log lines within it carry its fields, and it is exported
//! to the trace collector.
//!
//! For example, `payments` creates a session with
//! `traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. The span
//! `call` belongs to that trace and has `rpc.method = CreateSession`,
//! `caller = payments` and, at its end, `rpc.grpc.status_code = 0`. A path that a peer
//! made up becomes `other`, so that peers cannot create attribute values.

use http::Request;
use tonic::Code;
use tonic::body::Body;
use tracing::{Level, Span, field, info_span, record_all, span_enabled};

use super::call::Call;
use super::method::RpcMethod;
use super::metrics;
use crate::telemetry;

/// Starts the span of a call, as a child of the caller's span.
pub(super) fn begin(request: &Request<Body>, id: &str) -> Span {
    let (service, method) = RpcMethod::of_path(request.uri().path()).split();
    let span = info_span!(
        "call",
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        call_id = id,
        trace_id = field::Empty,
        caller = field::Empty,
        caller.auth_method = field::Empty,
        rpc.grpc.status = field::Empty,
        rpc.grpc.status_code = field::Empty,
        otel.status_code = field::Empty
    );
    telemetry::set_parent(&span, request.headers());
    span
}

/// Records the caller in the current span.
pub(super) fn record_caller(call: &Call) {
    // In one step, because each formats all fields of the span again.
    let span = Span::current();
    record_all!(
        span,
        caller = call.caller.as_str(),
        caller.auth_method = call.auth_method.as_str()
    );
}

/// Records the status of the call. The span is an error for the codes that the
/// [OpenTelemetry conventions](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/)
/// count as errors of the server. Only traces and log lines of the level debug have it.
pub(super) fn record_status(span: &Span, code: Code) {
    if !span_enabled!(Level::DEBUG) {
        return;
    }
    span.record("rpc.grpc.status", metrics::name(code));
    span.record("rpc.grpc.status_code", code as i32);
    if matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    ) {
        span.record("otel.status_code", "ERROR");
    }
}
