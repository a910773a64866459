//! A collector of traces: a server of OTLP's `TraceService` that records the exports.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A running collector. Dropping it stops the server.
pub(crate) struct Collector {
    address: SocketAddr,
    recorded: RecordedExports,
    _stop: DropGuard,
}

#[derive(Clone, Default)]
struct RecordedExports {
    exports: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    logins: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl TraceService for RecordedExports {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let login = request.metadata().get("authorization");
        let login = login.and_then(|login| login.to_str().ok());
        self.logins.lock().extend(login.map(str::to_owned));
        self.exports.lock().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub(crate) async fn listen() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Self {
        Self::serve(address, Server::builder()).await
    }

    /// A collector with TLS, and this certificate and key in PEM.
    pub(crate) async fn with_tls(certificate: &str, key: &str) -> Self {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        let server = Server::builder().tls_config(tls).expect("a key pair");
        Self::serve(SocketAddr::from(([127, 0, 0, 1], 0)), server).await
    }

    async fn serve(address: SocketAddr, mut server: Server) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (recorded, stop) = (RecordedExports::default(), CancellationToken::new());
        let server = server
            .add_service(TraceServiceServer::new(recorded.clone()))
            .serve_with_incoming_shutdown(
                TcpListenerStream::new(listener),
                stop.clone().cancelled_owned(),
            );
        tokio::spawn(server);
        Self {
            address,
            recorded,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All exports so far.
    pub(crate) fn exports(&self) -> Vec<ExportTraceServiceRequest> {
        self.recorded.exports.lock().clone()
    }

    /// The header `authorization` of all exports that had it.
    pub(crate) fn logins(&self) -> Vec<String> {
        self.recorded.logins.lock().clone()
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.exports().into_iter().flat_map(|e| e.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// All spans, once this number of calls is among them.
    pub(crate) async fn spans_of(&self, calls: usize) -> Vec<Span> {
        let received = async {
            loop {
                let spans = self.spans();
                if spans.iter().filter(|span| span.name == "call").count() >= calls {
                    return spans;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TEST_TIMEOUT, received)
            .await
            .expect("the spans are exported")
    }
}

/// The settings that send traces to `address`.
pub(crate) fn traced(address: SocketAddr) -> String {
    format!("[traces]\nendpoint = \"http://{address}\"\ntimeout = \"200ms\"\n")
}

/// An attribute as text; empty if it is missing.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.clone()) {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => text,
        Some(AnyValue {
            value: Some(Value::IntValue(number)),
        }) => number.to_string(),
        Some(other) => panic!("{key}: {other:?}"),
        None => String::new(),
    }
}

/// Bytes as the hexadecimal digits of a `traceparent`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
