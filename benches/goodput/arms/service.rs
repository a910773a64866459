//! The gRPC face that the plain and the strong service share.

use std::process::ExitCode;

use futures_util::stream::Pending;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status, async_trait};

use super::aws;
use crate::goodput::contract::{
    CreateSessionRequest, CreateSessionResponse, GetSessionResultRequest, GetSessionResultResponse,
    Session, SessionService, SessionServiceServer, WatchSessionRequest, WatchSessionResponse,
};
use crate::goodput::process;

/// A service, without the parts that every gRPC service has.
#[async_trait]
pub(super) trait Issuer: Send + Sync + 'static {
    /// Returns the id of a new session.
    async fn issue(&self, metadata: &MetadataMap) -> Result<String, Status>;
}

/// Serves on a free port, which it prints, until the driver ends it.
pub(super) async fn serve(issuer: impl Issuer) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let served = Server::builder()
        .add_service(SessionServiceServer::new(Face(issuer)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let served = async { anyhow::Ok(served.await?) };
    tokio::try_join!(process::ready(&address), served)?;
    Ok(ExitCode::SUCCESS)
}

struct Face<I>(I);

#[async_trait]
impl<I: Issuer> SessionService for Face<I> {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let session = Session {
            session_id: self.0.issue(request.metadata()).await?,
            ..Session::default()
        };
        let session = Some(session);
        Ok(Response::new(CreateSessionResponse { session }))
    }

    async fn get_session_result(
        &self,
        _request: Request<GetSessionResultRequest>,
    ) -> Result<Response<GetSessionResultResponse>, Status> {
        Err(Status::unimplemented("not part of the benchmark"))
    }

    type WatchSessionStream = Pending<Result<WatchSessionResponse, Status>>;

    async fn watch_session(
        &self,
        _: Request<WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        Err(Status::unimplemented("no results"))
    }
}

/// Returns the status of a request whose attempts all failed.
pub(super) fn status(error: &aws::CreateError) -> Status {
    match aws::is_throttle(error) {
        true => Status::resource_exhausted("AWS throttled every attempt"),
        false => Status::unavailable(aws::name(error)),
    }
}
