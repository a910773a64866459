//! Metrics of connections: how many are open, and why each was closed or refused.

use std::error::Error as _;
use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use scopeguard::ScopeGuard;

/// The metrics of connections. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionMetrics {
    open: Gauge<i64, AtomicI64>,
    closed: Family<[(&'static str, &'static str); 1], Counter>,
}

/// Why a connection was closed or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum CloseReason {
    /// The peer closed it.
    Closed,
    /// The peer violated HTTP/2 or broke the connection off.
    Error,
    /// Refused: the limit of all connections was reached.
    ConnectionLimit,
    /// Refused: the limit of this peer was reached.
    PeerConnectionLimit,
    /// Closed for a new one at the limit: it had made no authenticated call.
    Evicted,
    /// The TLS handshake failed.
    HandshakeFailed,
    /// The TLS handshake did not finish in time.
    HandshakeTimeout,
    /// No request arrived in time.
    NoRequest,
    /// It had no stream for a long time.
    Idle,
    /// It reached its maximum age.
    MaxAge,
    /// The server drained it to shut down.
    Drained,
    /// The peer exceeded its budget of frames or resets.
    Flooded,
    /// It was still open at the end of the shutdown.
    Aborted,
}

impl From<Result<(), hyper::Error>> for CloseReason {
    fn from(result: Result<(), hyper::Error>) -> Self {
        match result {
            Ok(()) => Self::Closed,
            Err(error) => {
                tracing::debug!(?error, "connection failed");
                let h2 = error.source().and_then(|cause| cause.downcast_ref());
                match h2.and_then(h2::Error::reason) {
                    Some(h2::Reason::ENHANCE_YOUR_CALM) => Self::Flooded,
                    _ => Self::Error,
                }
            }
        }
    }
}

impl ConnectionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "grpc_server_open_connections",
            "Open connections on the gRPC port, including those in the TLS handshake",
            metrics.open.clone(),
        );
        registry.register(
            "grpc_server_connections",
            "Connections that were closed or refused, by the reason",
            metrics.closed.clone(),
        );
        metrics
    }

    /// Counts an open connection until the guard is dropped, and then its end by the reason
    /// in the guard. A guard, because the task of the connection can be aborted.
    pub(super) fn opened(&self) -> ScopeGuard<CloseReason, impl FnOnce(CloseReason) + use<>> {
        self.open.inc();
        let metrics = self.clone();
        scopeguard::guard(CloseReason::Aborted, move |reason| {
            metrics.open.dec();
            metrics.count(reason);
        })
    }

    /// Counts a closed or refused connection.
    pub(super) fn count(&self, reason: CloseReason) {
        let label = [("outcome", reason.into())];
        self.closed.get_or_create(&label).inc();
    }
}
