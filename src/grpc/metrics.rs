//! What the gRPC face counts: every call once, also one that was given up.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::Code;

use super::connection_metrics::ConnectionMetrics;
use super::tls_metrics::TlsMetrics;

/// Upper bounds in seconds: from an immediate refusal to the longest wait.
const BUCKETS: [f64; 13] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

type Durations = Family<CallLabels, Histogram, fn() -> Histogram>;

/// The metrics of the gRPC face. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct GrpcMetrics {
    durations: Durations,
    pub(super) connections: ConnectionMetrics,
    pub(super) tls: TlsMetrics,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    grpc_method: Arc<str>,
    grpc_status: &'static str,
}

impl GrpcMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register(
            "grpc_server_call_duration_seconds",
            "How long calls took from their headers to the answer, by method and status; \
             CANCELLED: the caller gave up first",
            durations.clone(),
        );
        Self {
            durations,
            connections: ConnectionMetrics::register(registry),
            tls: TlsMetrics::register(registry),
        }
    }

    /// A call begins; when the guard is dropped it has ended.
    pub(super) fn begin(&self, grpc_method: Arc<str>) -> CallGuard {
        let durations = self.durations.clone();
        CallGuard {
            durations,
            grpc_method,
            begun: Instant::now(),
            code: Code::Cancelled,
        }
    }
}

/// Counts its call when dropped: a handler's future can be dropped at any await.
pub(super) struct CallGuard {
    durations: Durations,
    grpc_method: Arc<str>,
    begun: Instant,
    code: Code,
}

impl CallGuard {
    pub(super) fn finish(mut self, code: Code) {
        self.code = code;
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
