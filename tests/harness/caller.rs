//! A client of Livegate over one connection.

use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use livegate::grpc::v1;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::status::CallStatus;

/// A connection and the metadata of its calls. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Caller {
    channel: Channel,
    name: Option<String>,
    deadline: Option<Duration>,
}

/// A session, with the attempts and the queue wait that the response reports.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Issued {
    pub(crate) session: v1::Session,
    pub(crate) attempts: u64,
    pub(crate) waited: Duration,
}

impl Caller {
    pub(crate) fn on(channel: Channel) -> Self {
        Self {
            channel,
            name: None,
            deadline: None,
        }
    }

    /// Returns the same connection with the caller name in `livegate-caller`.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// Returns the same connection with a deadline for each call.
    pub(crate) fn within(&self, deadline: Duration) -> Self {
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }

    /// Creates a session with default settings.
    pub(crate) async fn create(&self) -> Result<Issued, CallStatus> {
        self.ask(v1::CreateSessionRequest::default()).await
    }

    /// Creates the session of a request id, or repeats the request.
    pub(crate) async fn repeat(&self, request_id: &str) -> Result<Issued, CallStatus> {
        self.ask(v1::CreateSessionRequest {
            request_id: request_id.to_owned(),
            ..Default::default()
        })
        .await
    }

    /// Sends a `CreateSession` request.
    pub(crate) async fn ask(
        &self,
        message: v1::CreateSessionRequest,
    ) -> Result<Issued, CallStatus> {
        let request = self.request(message);
        let mut client = SessionServiceClient::new(self.channel.clone());
        let response = client.create_session(request).await;
        response
            .map(issued)
            .map_err(|status| CallStatus::of(&status))
    }

    pub(crate) async fn result(
        &self,
        message: v1::GetSessionResultRequest,
    ) -> Result<v1::GetSessionResultResponse, CallStatus> {
        let request = self.request(message);
        let mut client = SessionServiceClient::new(self.channel.clone());
        let response = client.get_session_result(request).await;
        response
            .map(Response::into_inner)
            .map_err(|status| CallStatus::of(&status))
    }

    /// Reads a result, and returns it with the header `livegate-served`.
    pub(crate) async fn served(
        &self,
        message: v1::GetSessionResultRequest,
    ) -> Result<(v1::GetSessionResultResponse, String), CallStatus> {
        let request = self.request(message);
        let mut client = SessionServiceClient::new(self.channel.clone());
        let response = client.get_session_result(request).await;
        let response = response.map_err(|status| CallStatus::of(&status))?;
        let served = response.metadata().get("livegate-served");
        let served = served.expect("every response has this key");
        let served = served.to_str().unwrap().to_owned();
        Ok((response.into_inner(), served))
    }

    /// Watches a session.
    pub(crate) async fn watch(
        &self,
        message: v1::WatchSessionRequest,
    ) -> Result<Streaming<v1::WatchSessionResponse>, CallStatus> {
        // The generated client accepts one message only, like the server.
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.expect("the pipe is open");
        let path = PathAndQuery::from_static("/livegate.v1.SessionService/WatchSession");
        let codec = ProstCodec::<v1::WatchSessionRequest, v1::WatchSessionResponse>::default();
        let response = grpc.server_streaming(self.request(message), path, codec);
        response
            .await
            .map(Response::into_inner)
            .map_err(|status| CallStatus::of(&status))
    }

    /// Sends the bytes of `message` to `path` without encoding them.
    pub(crate) async fn send(
        &self,
        path: &'static str,
        message: Bytes,
    ) -> Result<Bytes, CallStatus> {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.expect("the pipe is open");
        let path = PathAndQuery::from_static(path);
        let response = grpc.unary(self.request(message), path, RawCodec).await;
        response
            .map(Response::into_inner)
            .map_err(|status| CallStatus::of(&status))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        if let Some(name) = &self.name {
            let name = name.parse().expect("a valid header value");
            request.metadata_mut().insert("livegate-caller", name);
        }
        request
    }
}

fn issued(response: Response<v1::CreateSessionResponse>) -> Issued {
    let number = |key: &str| {
        let value = response
            .metadata()
            .get(key)
            .expect("every response has this key");
        value.to_str().unwrap().parse::<u64>().unwrap()
    };
    Issued {
        attempts: number("livegate-attempts"),
        waited: Duration::from_millis(number("livegate-queue-wait-ms")),
        session: response.into_inner().session.expect("always set"),
    }
}

/// A codec that passes message bytes through.
#[derive(Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(into, item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes::Buf::remaining(from);
        Ok(Some(bytes::Buf::copy_to_bytes(from, length)))
    }
}
