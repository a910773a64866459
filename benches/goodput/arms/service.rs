//! The parts that the plain and the strong service share: arguments, client, listener.

use std::num::NonZeroU32;
use std::process::ExitCode;

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::retry::RetryConfig;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::transport::Server;

use super::aws;
use crate::goodput::contract::{
    CreateSessionResponse, Session, SessionService, SessionServiceServer,
};
use crate::goodput::process;

#[derive(clap::Args)]
pub(crate) struct ServiceArgs {
    /// The simulator's URL.
    #[arg(long)]
    aws: String,
    /// The quota, in calls a second.
    #[arg(long)]
    pub(super) quota: NonZeroU32,
}

impl ServiceArgs {
    /// A client whose own retries are off.
    pub(super) fn client(&self) -> Client {
        Client::from_conf(aws::config(&self.aws, RetryConfig::disabled()).build())
    }
}

/// Serves on a free port, which it prints, until the driver ends it.
pub(super) async fn serve(service: impl SessionService) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let served = Server::builder()
        .add_service(SessionServiceServer::new(service))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let address = format!("http://{address}");
    let served = async { anyhow::Ok(served.await?) };
    tokio::try_join!(process::ready(&address), served)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn response(session_id: String) -> tonic::Response<CreateSessionResponse> {
    tonic::Response::new(CreateSessionResponse {
        session: Some(Session {
            session_id,
            ..Session::default()
        }),
    })
}

pub(super) fn status(error: &aws::CreateError) -> Status {
    if aws::is_throttle(error) {
        Status::resource_exhausted("AWS throttled every attempt")
    } else {
        Status::unavailable(aws::name(error))
    }
}
