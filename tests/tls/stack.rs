//! Livegate with TLS in front of a simulator, and its clients.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use livegate::app::{AppError, Livegate};
use livegate::config::Config;
use livegate::grpc::v1::CreateSessionRequest;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use livegate::transport::TlsSettings;
use livegate::upstream::aws::CredentialsSource;
use livegate_simulator::{Limit, Settings, Simulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::pki::Files;
use crate::admin;

/// The name in the certificates.
pub(crate) const NAME: &str = "livegate.test";

/// A running Livegate process, within the test.
pub(crate) struct Stack {
    pub(crate) grpc: SocketAddr,
    admin: SocketAddr,
    serving: JoinHandle<Result<(), AppError>>,
    stop: DropGuard,
}

impl Stack {
    pub(crate) async fn start(files: Option<&Files>) -> Self {
        let stop = CancellationToken::new();
        let upstream = simulator(&stop).await;
        let text = "grpc.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n\
            grpc.handshake_timeout = \"500ms\"\nshutdown.lameduck = \"0s\"\n\
            shutdown.grace = \"1s\"\nquota.create.rate_per_second = 10000\n\
            quota.create.burst = 10000\nadaptive.enabled = false";
        let mut config = Config::from_text(text)
            .expect("a valid configuration")
            .config;
        config.upstream.endpoint_url = Some(format!("http://{upstream}"));
        config.grpc.tls = files.map(|files| TlsSettings {
            certificate: files.path("tls.crt"),
            key: files.path("tls.key"),
            client_ca: Some(files.path("ca.crt")),
        });
        let service = Livegate::bind(config, CredentialsSource::Simulator).await;
        let service = service.expect("ports and files");
        let grpc = service.grpc_address().expect("it is bound");
        let admin = service.admin_address().expect("it is bound");
        let serving = tokio::spawn(service.run(stop.clone().cancelled_owned()));
        Self {
            grpc,
            admin,
            serving,
            stop: stop.drop_guard(),
        }
    }

    /// Shuts it down, and waits until it has stopped.
    pub(crate) async fn shut_down(self) {
        drop(self.stop);
        let stopped = self.serving.await.expect("no panic");
        stopped.expect("an orderly shutdown");
    }

    /// Returns the value of a metric, by the beginning of its line.
    pub(crate) async fn metric(&self, line: &str) -> Option<f64> {
        let page = admin::get(self.admin, "/metrics").await;
        let page = page.expect("its metrics");
        let value = page.lines().find_map(|text| text.strip_prefix(line))?;
        value.trim().parse().ok()
    }

    /// Waits until a metric has `value`.
    pub(crate) async fn wait_for(&self, line: &str, value: f64) {
        let reached = async {
            while self.metric(line).await != Some(value) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(15), reached).await;
        assert!(reached.is_ok(), "{line} did not become {value}");
    }

    /// Returns the server's certificate, after the handshake and a first byte of HTTP/2.
    pub(crate) async fn handshake(
        &self,
        config: &Arc<ClientConfig>,
    ) -> io::Result<CertificateDer<'static>> {
        let mut stream = connect(self.grpc, config.clone()).await?;
        // In TLS 1.3 a client sees a refused certificate only when it reads. In HTTP/2 the
        // client speaks first.
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await?;
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
        stream.read_u8().await?;
        let chain = stream.get_ref().1.peer_certificates();
        Ok(chain.expect("a server has one")[0].clone().into_owned())
    }

    /// Returns a channel with a connection of its own.
    pub(crate) fn channel(&self, config: &Arc<ClientConfig>) -> Channel {
        let (address, config) = (self.grpc, config.clone());
        let connector = tower::service_fn(move |_| {
            let config = config.clone();
            async move { connect(address, config).await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://livegate.test")
            .timeout(Duration::from_secs(10))
            .connect_with_connector_lazy(connector)
    }
}

/// Creates one session.
pub(crate) async fn create(channel: Channel) -> Result<(), Status> {
    let mut client = SessionServiceClient::new(channel);
    let response = client.create_session(CreateSessionRequest::default());
    response.await.map(|_| ())
}

/// Starts a health watch, which does not end by itself.
pub(crate) async fn watch(channel: Channel) -> Streaming<HealthCheckResponse> {
    let mut client = HealthClient::new(channel);
    let watch = client.watch(HealthCheckRequest::default()).await;
    watch.expect("the health service").into_inner()
}

async fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(NAME).expect("a name");
    TlsConnector::from(config).connect(name, stream).await
}

async fn simulator(stop: &CancellationToken) -> SocketAddr {
    let settings = Settings {
        create: Limit::new(10_000.0, 10_000).expect("a limit"),
        latency: Some(Duration::ZERO..=Duration::from_millis(5)),
        ..Settings::default()
    };
    let simulator = Simulator::bind("127.0.0.1:0", settings).await;
    let simulator = simulator.expect("a port");
    let address = simulator.local_addr();
    tokio::spawn(simulator.run(stop.clone()));
    address
}
