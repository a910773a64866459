//! Metrics of connections: how many are open, and why each was closed or refused.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::connection_limiter::TooManyConnections;

/// The metrics of connections. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionMetrics {
    open: Gauge<i64, AtomicI64>,
    closed: Family<Labels, Counter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: CloseReason,
}

/// Why a connection was closed or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl EncodeLabelValue for CloseReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let value = match self {
            Self::Closed => "closed",
            Self::Error => "error",
            Self::ConnectionLimit => "connection_limit",
            Self::PeerConnectionLimit => "peer_connection_limit",
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::NoRequest => "no_request",
            Self::MaxAge => "max_age",
            Self::Drained => "drained",
            Self::Flooded => "flooded",
            Self::Aborted => "aborted",
        };
        value.encode(encoder)
    }
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

impl From<TooManyConnections> for CloseReason {
    fn from(refused: TooManyConnections) -> Self {
        match refused {
            TooManyConnections::Total => Self::ConnectionLimit,
            TooManyConnections::Peer => Self::PeerConnectionLimit,
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

    /// Counts a refused connection.
    pub(super) fn refused(&self, refused: TooManyConnections) {
        self.count(refused.into());
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

    fn count(&self, outcome: CloseReason) {
        self.closed.get_or_create(&Labels { outcome }).inc();
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
