//! What all components count, in one registry.

use prometheus_client::registry::Registry;

use crate::admission::AdmissionMetrics;
use crate::auth::AuthMetrics;
use crate::grpc::GrpcMetrics;
use crate::session::AttemptMetrics;

/// What all components count.
pub(super) struct Metrics {
    pub(super) grpc: GrpcMetrics,
    pub(super) auth: AuthMetrics,
    pub(super) attempts: AttemptMetrics,
    pub(super) admission: AdmissionMetrics,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            grpc: GrpcMetrics::register(registry),
            auth: AuthMetrics::register(registry),
            attempts: AttemptMetrics::register(registry),
            admission: AdmissionMetrics::register(registry),
        }
    }
}
