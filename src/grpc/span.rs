//! The span of a call: the log lines within it carry its fields, and a collector of
//! traces is sent it.
//!
//! An example: `payments` creates a session with
//! `traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. The span
//! `call` has `rpc.method = CreateSession`, `caller = payments`, that trace's id, and
//! at its end `rpc.grpc.status_code = 0`. What a peer invents is `other`: neither a
//! method nor a service of its own making becomes an attribute.

use std::sync::Arc;

use http::Request;
use tonic::Code;
use tonic::body::Body;
use tracing::{Span, field, info_span};

use super::call::Call;
use super::concurrency_limit::OURS;
use super::metrics;
use crate::telemetry;

/// Methods that are named; a bounded set.
const KNOWN: [&str; 4] = [
    "livegate.v1.SessionService/CreateSession",
    "livegate.v1.SessionService/GetSessionResult",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
];

/// The methods of our own service.
pub(super) fn ours() -> impl Iterator<Item = &'static str> {
    let service = OURS.trim_start_matches('/');
    KNOWN
        .into_iter()
        .filter(move |known| known.starts_with(service))
}

/// A method as a label, by the path of its requests; whatever is not known is `other`.
pub(super) fn method(path: &str) -> Arc<str> {
    let named = path.strip_prefix('/');
    let known = KNOWN.into_iter().find(|known| Some(*known) == named);
    Arc::from(known.unwrap_or("other"))
}

/// The call's span, within the trace of its caller.
pub(super) fn begin(request: &Request<Body>, id: &str) -> Span {
    let method = method(request.uri().path());
    let (service, method) = method.split_once('/').unwrap_or(("other", "other"));
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

/// Says in the current span whose call it is.
pub(super) fn name_caller(call: &Call) {
    let span = Span::current();
    span.record("caller", call.caller.as_str());
    span.record("caller.auth_method", call.auth_method.as_str());
}

/// Says what came of a call. A span is in error where the server is, by the rule of
/// OpenTelemetry; a refusal is an answer.
pub(super) fn end(span: &Span, code: Code) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_invents_is_other() {
        let create = "livegate.v1.SessionService/CreateSession";
        assert_eq!(&*method(&format!("/{create}")), create);
        for invented in ["", "/", create, "/made.up/Method", &format!("//{create}")] {
            assert_eq!(&*method(invented), "other", "{invented}");
        }
    }
}
