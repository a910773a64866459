//! What the gRPC face counts: every call once, also one that was given up; and once
//! more by its reason, if it failed.
//!
//! An example: 98 calls are answered, one is told `STORE_UNAVAILABLE`, and one gives
//! up. The durations have 98 `OK`, 1 `UNAVAILABLE` and 1 `CANCELLED`; the errors 1
//! `STORE_UNAVAILABLE`, Livegate's own fault, and 1 `CANCELLED`, the caller's.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::Code;

use super::reason::{Fault, Reason};
use super::span;

/// Upper bounds in seconds: from an immediate refusal to the longest wait.
const BUCKETS: [f64; 13] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

type Durations = Family<CallLabels, Histogram, fn() -> Histogram>;

type Errors = Family<ErrorLabels, Counter>;

/// The metrics of the gRPC face. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct GrpcMetrics {
    durations: Durations,
    errors: Errors,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    grpc_method: Arc<str>,
    grpc_status: &'static str,
}

/// At most a series for each method and named reason: the reason decides the fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    grpc_method: Arc<str>,
    reason: &'static str,
    fault: &'static str,
}

impl ErrorLabels {
    fn of(grpc_method: Arc<str>, reason: Reason) -> Self {
        Self {
            grpc_method,
            reason: reason.as_str(),
            fault: reason.fault().as_str(),
        }
    }
}

impl GrpcMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register(
            "grpc_server_call_duration_seconds",
            "How long calls took from their headers to the answer, by method and status; \
             CANCELLED: the caller gave up first, or Livegate cut it off as a grace ended",
            durations.clone(),
        );
        let errors = errors_of_ours_at_zero();
        registry.register(
            "livegate_rpc_errors",
            "Calls that failed, by method, the reason that the caller was told, and whose fault \
             that is: alarm on those of livegate; CANCELLED: the caller gave up first, or Livegate \
             cut it off as a grace ended",
            errors.clone(),
        );
        Self { durations, errors }
    }

    /// A call begins; when the guard is dropped it has ended.
    pub(super) fn begin(&self, grpc_method: Arc<str>) -> CallGuard {
        CallGuard {
            durations: self.durations.clone(),
            errors: self.errors.clone(),
            grpc_method,
            begun: Instant::now(),
            code: Code::Cancelled,
            reason: None,
        }
    }
}

/// A rate is made of two readings: without these, the first faults of a pod would go
/// unseen, and the last ones of a pod that leaves.
fn errors_of_ours_at_zero() -> Errors {
    let errors = Errors::default();
    let own = |reason: &&Reason| reason.fault() == Fault::Livegate;
    for reason in Reason::NAMED.iter().filter(own) {
        for method in span::ours() {
            let labels = ErrorLabels::of(method.into(), *reason);
            errors.get_or_create(&labels).inc_by(0);
        }
    }
    errors
}

/// Counts its call when dropped: a handler's future can be dropped at any await.
pub(super) struct CallGuard {
    durations: Durations,
    errors: Errors,
    grpc_method: Arc<str>,
    begun: Instant,
    code: Code,
    reason: Option<Reason>,
}

impl CallGuard {
    /// The call was answered so; an error without a reason has its code for one.
    pub(super) fn finish(mut self, code: Code, reason: Option<Reason>) {
        self.code = code;
        self.reason = reason;
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let grpc_method = self.grpc_method.clone();
        let labels = CallLabels {
            grpc_method,
            grpc_status: name(self.code),
        };
        self.durations
            .get_or_create(&labels)
            .observe(self.begun.elapsed().as_secs_f64());
        if self.code != Code::Ok {
            let reason = self.reason.unwrap_or(Reason::Bare(self.code));
            let labels = ErrorLabels::of(self.grpc_method.clone(), reason);
            self.errors.get_or_create(&labels).inc();
        }
    }
}

/// A code's name as the specification writes it.
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
