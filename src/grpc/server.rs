//! The server: the session service, health and reflection behind the middleware, on
//! the transport.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tonic::service::Routes;
use tower::Layer as _;

use super::concurrency_limit::ProcessLimits;
use super::health::Health;
use super::metrics::GrpcMetrics;
use super::middleware::MiddlewareLayer;
use super::services::Services;
use super::session_service::SessionService;
use super::v1::session_service_server::SessionServiceServer;
use super::{DESCRIPTORS, MAX_REQUEST_BYTES};
use crate::auth::Authenticator;
use crate::auth::policy::Authorizer;
use crate::transport::{
    AcceptLoop, Connection, DrainSignals, Tls, TlsSettings, TransportLimits, TransportMetrics,
};
use crate::upstream::LivenessApi;

/// The largest request for reflection, in bytes: the name of a symbol.
const MAX_REFLECTION_BYTES: usize = 1024;

const VALID_DESCRIPTORS: &str = "the build wrote the descriptors";

/// The settings of the gRPC port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcSettings {
    /// The address to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// Serve without TLS on an address that is not loopback.
    pub allow_plaintext: bool,
    /// Serve unauthenticated callers on an address that is not loopback.
    pub allow_unauthenticated: bool,
    /// The deadline of a call without `grpc-timeout`, 10 ms to 5 min.
    pub default_deadline: Duration,
    /// The limits of connections and requests.
    pub limits: TransportLimits,
    /// The TLS files. Unset: plain text.
    pub tls: Option<TlsSettings>,
}

/// The services of the gRPC port, and what they need.
pub struct Server<A> {
    /// The session service.
    pub service: SessionService<A>,
    /// The serving status.
    pub health: Health,
    /// Authenticates callers.
    pub auth: Arc<Authenticator>,
    /// Decides what callers may do.
    pub authorizer: Authorizer,
    /// The deadline of a call without `grpc-timeout`.
    pub default_deadline: Duration,
    /// The limits of connections and requests.
    pub limits: TransportLimits,
    /// The TLS configuration. Unset: plain text.
    pub tls: Option<Arc<Tls>>,
    /// The metrics of calls.
    pub metrics: GrpcMetrics,
    /// The metrics of connections and TLS.
    pub transport_metrics: TransportMetrics,
}

impl<A: LivenessApi> Server<A> {
    /// Serves the connections of `incoming` until the signal to drain, then finishes the
    /// calls in progress. A peer can delay that until the signal to abort. All handlers
    /// are dropped when this returns. Dropped, it aborts every connection and waits for
    /// none.
    ///
    /// # Errors
    /// If `incoming` fails permanently.
    pub async fn serve<IO: Connection>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        signals: DrainSignals,
    ) -> io::Result<()> {
        let middleware = MiddlewareLayer {
            auth: self.auth,
            authorizer: self.authorizer,
            concurrency: Arc::new(ProcessLimits::new(&self.limits)),
            audit: self.service.audit().clone(),
            log: self.service.failure_log().clone(),
            default_deadline: self.default_deadline,
            request_body_timeout: self.limits.request_body_timeout,
            metrics: self.metrics,
            drain: signals.drain.clone(),
        };
        let service = middleware.layer(services(self.service, self.health));
        AcceptLoop::new(service, self.limits, self.tls, &self.transport_metrics)
            .run(incoming, signals)
            .await
    }
}

fn services<A: LivenessApi>(
    service: SessionService<A>,
    health: Health,
) -> Services<SessionServiceServer<SessionService<A>>> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().build_v1().expect(VALID_DESCRIPTORS);
    let v1alpha = reflection().build_v1alpha().expect(VALID_DESCRIPTORS);
    let sessions = SessionServiceServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
    let others = Routes::new(health.into_service())
        .add_service(v1.max_decoding_message_size(MAX_REFLECTION_BYTES))
        .add_service(v1alpha.max_decoding_message_size(MAX_REFLECTION_BYTES))
        .prepare();
    Services { sessions, others }
}
