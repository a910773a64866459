//! Metrics of connections: how many are open, and why each was closed or refused.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

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
    /// The TLS handshake failed.
    HandshakeFailed,
    /// The TLS handshake did not finish in time.
    HandshakeTimeout,
    /// No request arrived in time.
    NoRequest,
    /// It reached its maximum age.
    MaxAge,
    /// The server drained it to shut down.
    Drained,
    /// The peer exceeded its reset budget.
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
                Self::Error
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

    /// Counts an open connection until the guard is dropped.
    pub(super) fn opened(&self) -> OpenConnection {
        self.open.inc();
        let metrics = self.clone();
        OpenConnection {
            metrics,
            reason: CloseReason::Aborted,
        }
    }

    /// Counts a closed or refused connection.
    pub(super) fn count(&self, reason: CloseReason) {
        let label = [("outcome", reason.into())];
        self.closed.get_or_create(&label).inc();
    }
}

/// Counts the end of its connection on drop, because the connection's task can be
/// aborted.
pub(super) struct OpenConnection {
    metrics: ConnectionMetrics,
    reason: CloseReason,
}

impl OpenConnection {
    pub(super) fn close(mut self, reason: CloseReason) {
        self.reason = reason;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.open.dec();
        self.metrics.count(self.reason);
    }
}
