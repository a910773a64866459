//! Metrics of calls: the duration of every call by status, including cancelled ones, and
//! every failed call by reason.
//!
//! For example, 98 calls succeed, one fails with `STORE_UNAVAILABLE`, and one is
//! cancelled. The durations count 98 `OK`, 1 `UNAVAILABLE` and 1 `CANCELLED`. The errors
//! count 1 `STORE_UNAVAILABLE` with the fault `livegate` and 1 `CANCELLED` with the fault
//! `caller`. A stream is counted when it ends, with the time to its headers.

use std::time::Duration;

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::Code;
use tracing::{Span, debug};

use super::method::RpcMethod;
use super::reason::{Fault, Reason};
use super::recent_errors::{RecentError, RecentErrors};
use super::span;
use crate::model::{CallerId, wall_clock};

/// Upper bounds in seconds, from an immediate refusal to the longest wait.
const BUCKETS: [f64; 13] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

type Durations = Family<CallLabels, Histogram, fn() -> Histogram>;

type Errors = Family<ErrorLabels, Counter>;

/// The metrics of calls. Clones share them.
#[derive(Clone, Debug)]
pub struct GrpcMetrics {
    durations: Durations,
    errors: Errors,
    /// The last failed calls.
    pub recent_errors: RecentErrors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    grpc_method: RpcMethod,
    grpc_status: StatusLabel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct StatusLabel(Code);

impl EncodeLabelValue for StatusLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        name(self.0).encode(encoder)
    }
}

/// At most one series for each method and named reason, because the reason decides the
/// fault. The reason is a text, because two reasons may share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    grpc_method: RpcMethod,
    reason: &'static str,
    fault: Fault,
}

impl ErrorLabels {
    fn new(grpc_method: RpcMethod, reason: Reason) -> Self {
        Self {
            grpc_method,
            reason: reason.as_str(),
            fault: reason.fault(),
        }
    }
}

impl GrpcMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register(
            "grpc_server_call_duration_seconds",
            "Duration of calls from their headers to the response, by method and status. \
             CANCELLED: the caller cancelled the call, or Livegate aborted it at the end of a \
             grace period",
            durations.clone(),
        );
        let errors = errors_starting_at_zero();
        registry.register(
            "livegate_rpc_errors",
            "Failed calls, by method, the reason that the caller received, and the party at \
             fault: alert on the fault livegate. CANCELLED: the caller cancelled the call, or \
             Livegate aborted it at the end of a grace period",
            errors.clone(),
        );
        Self {
            durations,
            errors,
            recent_errors: RecentErrors::default(),
        }
    }

    /// Starts a call, which ends when the guard is dropped.
    pub(super) fn begin(&self, grpc_method: RpcMethod, call_id: &Arc<str>) -> CallGuard {
        CallGuard {
            metrics: self.clone(),
            grpc_method,
            call_id: call_id.clone(),
            caller: None,
            started: Instant::now(),
            latency: None,
            code: Code::Cancelled,
            reason: None,
        }
    }
}

/// Returns the counters with a series of 0 for every error that is Livegate's fault.
/// Prometheus computes a rate from two samples, so a series that starts at 1 would hide
/// the first error of a pod.
fn errors_starting_at_zero() -> Errors {
    let errors = Errors::default();
    let own = |reason: &&Reason| reason.fault() == Fault::Livegate;
    for reason in Reason::NAMED.iter().filter(own) {
        for method in RpcMethod::LIVEGATE {
            errors
                .get_or_create(&ErrorLabels::new(method, *reason))
                .inc_by(0);
        }
    }
    errors
}

/// Counts its call on drop, because a handler's future can be dropped at any await.
pub(super) struct CallGuard {
    metrics: GrpcMetrics,
    grpc_method: RpcMethod,
    pub(super) call_id: Arc<str>,
    /// The caller, once it is authenticated.
    pub(super) caller: Option<CallerId>,
    started: Instant,
    /// The time to the headers of a stream.
    latency: Option<Duration>,
    code: Code,
    reason: Option<Reason>,
}

impl CallGuard {
    /// The response goes on as a stream, which counts as `unended` if it ends without a
    /// status.
    pub(super) fn streaming(mut self, unended: Code) -> Self {
        self.code = unended;
        self.latency = Some(self.started.elapsed());
        self
    }

    /// Ends the call and its `span` with a status. An error without a reason is counted by
    /// its code.
    pub(super) fn finish(mut self, span: &Span, code: Code, reason: Option<Reason>) {
        self.code = code;
        self.reason = reason;
        span::record_status(span, code);
        let duration_ms = self.started.elapsed().as_millis() as u64;
        span.in_scope(|| debug!(duration_ms, "call finished"));
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let latency = self.latency.unwrap_or_else(|| self.started.elapsed());
        let labels = CallLabels {
            grpc_method: self.grpc_method,
            grpc_status: StatusLabel(self.code),
        };
        let metrics = &self.metrics;
        metrics
            .durations
            .get_or_create(&labels)
            .observe(latency.as_secs_f64());
        if self.code != Code::Ok {
            let reason = self.reason.unwrap_or(Reason::Bare(self.code));
            let labels = ErrorLabels::new(self.grpc_method, reason);
            metrics.errors.get_or_create(&labels).inc();
            metrics.recent_errors.push(RecentError {
                at: wall_clock(),
                call_id: self.call_id.clone(),
                method: self.grpc_method.split().1,
                code: name(self.code),
                reason: labels.reason,
                caller: self.caller.take(),
            });
        }
    }
}

/// Returns a code's name in the
/// [specification](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
pub(super) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
