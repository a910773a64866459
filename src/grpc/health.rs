//! What the health service says of us.

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::v1::session_service_server::SERVICE_NAME;

/// What the health service says. Clones speak for the same server.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

impl Health {
    /// Not serving yet.
    pub async fn starting() -> Self {
        let health = Self(HealthReporter::new());
        health.say(ServingStatus::NotServing).await;
        health
    }

    /// From now on it serves.
    pub async fn ready(&self) {
        self.say(ServingStatus::Serving).await;
    }

    /// From now on it does not: whoever asks goes elsewhere.
    pub async fn leaving(&self) {
        self.say(ServingStatus::NotServing).await;
    }

    pub(super) fn into_service(self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0))
    }

    async fn say(&self, status: ServingStatus) {
        for service in ["", SERVICE_NAME] {
            self.0.set_service_status(service, status).await;
        }
    }
}
