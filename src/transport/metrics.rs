//! The metrics of the transport.

use prometheus_client::registry::Registry;

use super::connection_metrics::ConnectionMetrics;
use super::tls_metrics::TlsMetrics;

/// The metrics of the transport. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct TransportMetrics {
    pub(super) connections: ConnectionMetrics,
    pub(super) tls: TlsMetrics,
}

impl TransportMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            connections: ConnectionMetrics::register(registry),
            tls: TlsMetrics::register(registry),
        }
    }
}
