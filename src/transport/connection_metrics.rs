//! What is counted of connections: each once, when it ends, and those that are.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::connection_limiter::NoSeat;

/// The metrics of connections. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionMetrics {
    open: Gauge<i64, AtomicI64>,
    ended: Family<Labels, Counter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// As the peer wished.
    Closed,
    /// The peer broke the protocol, or off.
    Error,
    /// Refused: there were as many connections as there may be.
    ConnectionLimit,
    /// Refused: the peer had as many as it may have.
    PeerConnectionLimit,
    /// No TLS came of it.
    HandshakeFailed,
    /// No TLS came of it in time.
    HandshakeTimeout,
    /// No call came in time.
    NoRequest,
    /// It was told to go for its age.
    MaxAge,
    /// It was told to go because the server leaves.
    Drained,
    /// The peer reset more calls than it may.
    Flooded,
    /// It was cut off when the server was gone.
    Aborted,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
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
        }
    }
}

impl From<Result<(), hyper::Error>> for Outcome {
    fn from(ended: Result<(), hyper::Error>) -> Self {
        match ended {
            Ok(()) => Self::Closed,
            Err(problem) => {
                tracing::debug!(problem = ?problem, "a connection broke");
                Self::Error
            }
        }
    }
}

impl From<NoSeat> for Outcome {
    fn from(refused: NoSeat) -> Self {
        match refused {
            NoSeat::Full => Self::ConnectionLimit,
            NoSeat::PeerFull => Self::PeerConnectionLimit,
        }
    }
}

impl ConnectionMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "grpc_server_open_connections",
            "Connections on the gRPC port, with those that shake hands",
            metrics.open.clone(),
        );
        registry.register(
            "grpc_server_connections",
            "Connections that ended or were refused, by how",
            metrics.ended.clone(),
        );
        metrics
    }

    /// A connection that has no seat.
    pub(crate) fn refused(&self, refused: NoSeat) {
        self.count(refused.into());
    }

    /// A connection begins; when the guard is dropped it has ended.
    pub(crate) fn open(&self) -> OpenConnection {
        self.open.inc();
        let metrics = self.clone();
        OpenConnection {
            metrics,
            outcome: Outcome::Aborted,
        }
    }

    fn count(&self, outcome: Outcome) {
        let outcome = outcome.name();
        self.ended.get_or_create(&Labels { outcome }).inc();
    }
}

/// Counts its connection when dropped: the task that serves it can be aborted.
pub(crate) struct OpenConnection {
    metrics: ConnectionMetrics,
    outcome: Outcome,
}

impl OpenConnection {
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.open.dec();
        self.metrics.count(self.outcome);
    }
}
