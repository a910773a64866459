//! The serving status that the gRPC health service reports
//! ([health checking protocol](https://github.com/grpc/grpc/blob/master/doc/health-checking.md)).

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::v1::session_service_server::SERVICE_NAME;

/// The largest request, in bytes: the name of a service.
const MAX_REQUEST_BYTES: usize = 256;

/// The serving status of the server. Clones share it.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

impl Health {
    /// Reports `NOT_SERVING` until the server is ready.
    pub async fn starting() -> Self {
        let health = Self(HealthReporter::new());
        health.set(ServingStatus::NotServing).await;
        health
    }

    /// Reports `SERVING` from now on.
    pub async fn ready(&self) {
        self.set(ServingStatus::Serving).await;
    }

    /// Reports `NOT_SERVING` from now on, so that clients choose another replica.
    pub async fn shutting_down(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    pub(super) fn into_service(self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0))
            .max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    async fn set(&self, status: ServingStatus) {
        for service in ["", SERVICE_NAME] {
            self.0.set_service_status(service, status).await;
        }
    }
}
