//! The gRPC health service
//! ([health checking protocol](https://github.com/grpc/grpc/blob/master/doc/health-checking.md)).
//!
//! A `Watch` of an unknown service sends `SERVICE_UNKNOWN` and stays open.

use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::v1::session_service_server::SERVICE_NAME;

/// The largest request for health, in bytes: the name of a service.
pub(super) const MAX_HEALTH_BYTES: usize = 256;

/// The serving status of the server. Clones share it.
#[derive(Clone, Debug)]
pub struct Health(watch::Sender<HealthState>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HealthState {
    NotServing,
    Serving,
}

impl Health {
    /// Reports `NOT_SERVING` until the server is ready.
    #[must_use]
    pub fn starting() -> Self {
        Self(watch::channel(HealthState::NotServing).0)
    }

    /// Reports `SERVING` from now on.
    pub fn ready(&self) {
        self.0.send_replace(HealthState::Serving);
    }

    /// Reports `NOT_SERVING` from now on, so that clients choose another replica.
    pub fn shutting_down(&self) {
        self.0.send_replace(HealthState::NotServing);
    }

    pub(super) fn into_service(self) -> health_server::HealthServer<Self> {
        health_server::HealthServer::new(self).max_decoding_message_size(MAX_HEALTH_BYTES)
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.0.borrow().status_of(&request.get_ref().service) {
            ServingStatus::ServiceUnknown => Err(Status::not_found("unknown service")),
            status => Ok(Response::new(response(status))),
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let start = (self.0.subscribe(), service, None);
        let statuses = unfold(start, |(mut state, service, sent)| async move {
            let is_due = |state: &HealthState| Some(state.status_of(&service)) != sent;
            let status = state.wait_for(is_due).await.ok()?.status_of(&service);
            Some((Ok(response(status)), (state, service, Some(status))))
        });
        Ok(Response::new(statuses.boxed()))
    }
}

impl HealthState {
    fn status_of(self, service: &str) -> ServingStatus {
        match self {
            _ if !["", SERVICE_NAME].contains(&service) => ServingStatus::ServiceUnknown,
            Self::Serving => ServingStatus::Serving,
            Self::NotServing => ServingStatus::NotServing,
        }
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
