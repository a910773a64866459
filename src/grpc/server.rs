//! The server: our service, health and reflection, behind the edge.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tonic::service::Routes;
use tower::Layer as _;

use super::concurrency_limit::InFlight;
use super::health::Health;
use super::metrics::GrpcMetrics;
use super::middleware::EdgeLayer;
use super::session_service::SessionService;
use super::v1::session_service_server::SessionServiceServer;
use super::{DESCRIPTORS, MAX_REQUEST_BYTES};
use crate::auth::Authenticator;
use crate::transport::{
    AcceptLoop, Connection, DrainSignals, Tls, TlsSettings, TransportLimits, TransportMetrics,
};
use crate::upstream::LivenessApi;

const OUR_DESCRIPTORS: &str = "the descriptors were written by the build";

/// The service's own door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcSettings {
    /// Where it listens; port 0: a port of the system's choice.
    pub listen: SocketAddr,
    /// Whether it may listen beyond loopback without TLS.
    pub allow_plaintext: bool,
    /// Serve unauthenticated callers on an address that is not loopback.
    pub allow_unauthenticated: bool,
    /// The deadline of a caller that sends none, 10 ms to 5 min.
    pub default_deadline: Duration,
    /// What peers may take of it.
    pub limits: TransportLimits,
    /// The files of TLS; unset: plain text.
    pub tls: Option<TlsSettings>,
}

/// Everything that is served on the gRPC port.
pub struct Server<A> {
    /// Our service.
    pub service: SessionService<A>,
    /// What the health service says.
    pub health: Health,
    /// How callers are known.
    pub auth: Arc<Authenticator>,
    /// The deadline of a caller that sends none.
    pub default_deadline: Duration,
    /// What peers may take.
    pub limits: TransportLimits,
    /// Our side of TLS; without it connections are plain text.
    pub tls: Option<Arc<Tls>>,
    /// What is counted.
    pub metrics: GrpcMetrics,
    /// The metrics of connections and TLS.
    pub transport_metrics: TransportMetrics,
}

impl<A: LivenessApi> Server<A> {
    /// Serves the connections of `incoming` until it is `leaving`, then finishes the
    /// calls under way. A peer can hold that up until it is cut off; no handler is left
    /// once this returns. Dropped, it aborts every connection and waits for none.
    ///
    /// # Errors
    /// Where `incoming` fails permanently.
    pub async fn serve<IO: Connection>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        leaving: DrainSignals,
    ) -> io::Result<()> {
        let edge = EdgeLayer {
            auth: self.auth,
            default_deadline: self.default_deadline,
            request_body_timeout: self.limits.request_body_timeout,
            metrics: self.metrics,
        };
        let service = edge.layer(routes(self.service, self.health));
        let concurrency = Arc::new(InFlight::new(&self.limits));
        AcceptLoop::new(
            service,
            self.limits,
            concurrency,
            self.tls,
            &self.transport_metrics,
        )
        .run(incoming, leaving)
        .await
    }
}

fn routes<A: LivenessApi>(service: SessionService<A>, health: Health) -> Routes {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let sessions = SessionServiceServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
    Routes::new(sessions)
        .add_service(health.into_service())
        .add_service(reflection().build_v1().expect(OUR_DESCRIPTORS))
        .add_service(reflection().build_v1alpha().expect(OUR_DESCRIPTORS))
        .prepare()
}
