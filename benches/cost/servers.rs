//! The servers to compare with, and the fake AWS. Each runs as a process of its own: this
//! binary with `--server NAME`. It prints its address and ends with its standard input.

use std::io::Read as _;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::{Credentials, Region};
use bytes::Bytes;
use futures_util::stream::Pending;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use livegate::grpc::v1;
use livegate::grpc::v1::session_service_server::{SessionService, SessionServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, QuotaViolation, StatusExt as _};
use uuid::Uuid;

/// A server of the benchmark.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Server {
    /// Answers every AWS call at once with a new session.
    Aws,
    /// Calls the SDK for each request.
    PassThrough,
    /// Refuses each request with the details of Livegate's refusals.
    Refusal,
    /// Discards traces.
    Collector,
}

impl Server {
    /// Runs until standard input ends.
    pub(crate) async fn run(self, aws: &str) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let input_ends = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        tokio::select! {
            result = self.serve(listener, aws) => result,
            _ = input_ends => Ok(()),
        }
    }

    async fn serve(self, listener: TcpListener, aws: &str) -> anyhow::Result<()> {
        if let Self::Aws = self {
            return serve_aws(listener).await;
        }
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut server = tonic::transport::Server::builder();
        let server = match self {
            Self::PassThrough => {
                server.add_service(SessionServiceServer::new(PassThrough::new(aws).await))
            }
            Self::Refusal => server.add_service(SessionServiceServer::new(Refusal)),
            Self::Collector | Self::Aws => server.add_service(TraceServiceServer::new(Discard)),
        };
        Ok(server.serve_with_incoming(incoming).await?)
    }
}

async fn serve_aws(listener: TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        tokio::spawn(http1::Builder::new().serve_connection(stream, service_fn(session)));
    }
}

/// The answer of AWS: a new session.
async fn session(
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let id = || Uuid::from_u128(fastrand::u128(..));
    let body = format!(r#"{{"SessionId":"{}"}}"#, id());
    let mut response = http::Response::new(Full::from(body));
    let headers = response.headers_mut();
    let content_type = http::HeaderValue::from_static("application/x-amz-json-1.1");
    headers.insert(http::header::CONTENT_TYPE, content_type);
    let request_id = id().to_string().try_into().expect("a UUID is ASCII");
    headers.insert("x-amzn-requestid", request_id);
    Ok(response)
}

/// A gRPC server that calls the SDK and does nothing else.
struct PassThrough {
    client: Client,
}

impl PassThrough {
    async fn new(aws: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "benchmark"))
            .endpoint_url(aws)
            .load()
            .await;
        let client = Client::new(&config);
        Self { client }
    }
}

#[tonic::async_trait]
impl SessionService for PassThrough {
    async fn create_session(
        &self,
        _: Request<v1::CreateSessionRequest>,
    ) -> Result<Response<v1::CreateSessionResponse>, Status> {
        let call = self
            .client
            .create_face_liveness_session()
            .client_request_token(Uuid::new_v4().simple().to_string());
        let output = call.send().await;
        let output = output.map_err(|error| Status::unavailable(error.to_string()))?;
        let session = v1::Session {
            session_id: output.session_id().to_owned(),
            ..Default::default()
        };
        let session = Some(session);
        Ok(Response::new(v1::CreateSessionResponse { session }))
    }

    async fn get_session_result(
        &self,
        _: Request<v1::GetSessionResultRequest>,
    ) -> Result<Response<v1::GetSessionResultResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    type WatchSessionStream = Pending<Result<v1::WatchSessionResponse, Status>>;

    async fn watch_session(
        &self,
        _: Request<v1::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

/// A gRPC server that refuses every request.
struct Refusal;

#[tonic::async_trait]
impl SessionService for Refusal {
    async fn create_session(
        &self,
        _: Request<v1::CreateSessionRequest>,
    ) -> Result<Response<v1::CreateSessionResponse>, Status> {
        let message = "shared quota exhausted: predicted wait is too long, retry after 2.40 s";
        let metadata = [("caller", "anonymous"), ("retry_after_ms", "2400")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut details = ErrorDetails::with_error_info("QUOTA_EXHAUSTED", "livegate", metadata);
        details.set_request_info(Uuid::new_v4().to_string(), "");
        details.set_quota_failure(vec![QuotaViolation::new("quota:shared", message)]);
        details.set_retry_info(Some(Duration::from_millis(2400)));
        let mut trailers = MetadataMap::new();
        trailers.insert("grpc-retry-pushback-ms", MetadataValue::from(-1));
        let code = Code::ResourceExhausted;
        Err(Status::with_error_details_and_metadata(
            code, message, details, trailers,
        ))
    }

    async fn get_session_result(
        &self,
        _: Request<v1::GetSessionResultRequest>,
    ) -> Result<Response<v1::GetSessionResultResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    type WatchSessionStream = Pending<Result<v1::WatchSessionResponse, Status>>;

    async fn watch_session(
        &self,
        _: Request<v1::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

/// A collector that discards what it receives.
struct Discard;

#[tonic::async_trait]
impl TraceService for Discard {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
