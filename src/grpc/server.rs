//! The server: our service, health and reflection, behind the edge.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::server::Connected;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::edge::EdgeLayer;
use super::metrics::GrpcMetrics;
use super::session_service::SessionService;
use super::v1::session_service_server::{SERVICE_NAME, SessionServiceServer};
use super::{DESCRIPTORS, MAX_REQUEST_BYTES};
use crate::auth::AuthMode;
use crate::upstream::LivenessApi;

/// No caller needs more calls at once on one connection.
const MAX_STREAMS: u32 = 1000;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The service's own door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcSettings {
    /// Where it listens; port 0: a port of the system's choice.
    pub listen: SocketAddr,
    /// The deadline of a caller that sends none, 10 ms to 5 min.
    pub default_deadline: Duration,
}

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

    async fn say(&self, status: ServingStatus) {
        for service in ["", SERVICE_NAME] {
            self.0.set_service_status(service, status).await;
        }
    }
}

/// Everything that is served on the gRPC port.
pub struct Server<A> {
    /// Our service.
    pub service: SessionService<A>,
    /// What the health service says.
    pub health: Health,
    /// How callers are known.
    pub auth: AuthMode,
    /// The deadline of a caller that sends none.
    pub default_deadline: Duration,
    /// What is counted.
    pub metrics: GrpcMetrics,
}

impl<A: LivenessApi> Server<A> {
    /// Serves the connections of `incoming` until `stop`, then finishes the calls
    /// under way. A peer can hold that up for ever: the caller bounds it.
    ///
    /// # Errors
    /// Where `incoming` fails for good.
    pub async fn serve<IO, E>(
        self,
        incoming: impl Stream<Item = Result<IO, E>>,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self {
            service,
            health,
            auth,
            default_deadline,
            metrics,
        } = self;
        let sessions =
            SessionServiceServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
        let health = tonic_health::pb::health_server::HealthServer::new(
            tonic_health::server::HealthService::from_health_reporter(health.0),
        );
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        tonic::transport::Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .layer(EdgeLayer {
                auth,
                default_deadline,
                metrics,
            })
            .add_service(sessions)
            .add_service(health)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .serve_with_incoming_shutdown(incoming, stop)
            .await?;
        Ok(())
    }
}
