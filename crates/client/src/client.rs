//! The client: one method for each method of the service.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::builder::{BuildError, ClientBuilder};
use crate::error::{ClientError, deadline_exceeded, is_local_timeout};
use crate::response::ClientResponse;
use crate::retry::retry_delay;
use crate::token::BearerToken;
use crate::v1;
use crate::v1::session_service_client::SessionServiceClient;
use crate::watch::SessionWatch;

const CALLER_KEY: &str = "livegate-caller";
const AUTHORIZATION_KEY: &str = "authorization";

/// A client of one Livegate endpoint. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Client {
    service: SessionServiceClient<Channel>,
    caller: Option<String>,
    token: Option<BearerToken>,
    timeout: Duration,
    max_retries: u32,
}

impl Client {
    /// Returns a client of `endpoint`, an `http://` or `https://` URL, without
    /// retries. Each call has `timeout` as its deadline.
    ///
    /// # Errors
    /// If `endpoint` is not a URL.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(endpoint: &str, timeout: Duration) -> Result<Self, BuildError> {
        Self::builder(endpoint).timeout(timeout).build()
    }

    /// Returns the settings of a client of `endpoint`, an `http://` or `https://` URL.
    pub fn builder(endpoint: &str) -> ClientBuilder {
        ClientBuilder::new(endpoint)
    }

    pub(crate) fn new_on(channel: Channel, settings: ClientBuilder) -> Self {
        Self {
            service: SessionServiceClient::new(channel),
            caller: settings.caller,
            token: settings.token,
            timeout: settings.timeout,
            max_retries: settings.max_retries,
        }
    }

    /// Returns a client with the same connection and another caller's name
    /// (`livegate-caller`).
    #[must_use]
    pub fn as_caller(&self, name: &str) -> Self {
        Self {
            caller: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// Creates a session (`CreateSession`). If the call may be retried and `message` has
    /// no `request_id`, the client adds a UUID version 7.
    ///
    /// If the future is dropped, or the deadline expires, a session may have been
    /// created. Only a call with the same `request_id` returns it: set one to be able
    /// to repeat the call.
    ///
    /// # Errors
    /// Every status but OK, and failures to connect.
    pub async fn create(
        &self,
        mut message: v1::CreateSessionRequest,
    ) -> Result<ClientResponse<v1::CreateSessionResponse>, ClientError> {
        if self.max_retries > 0 && message.request_id.is_empty() {
            message.request_id = Uuid::now_v7().to_string();
        }
        self.call(message, async |mut service, request| {
            service.create_session(request).await
        })
        .await
    }

    /// Reads the result of a session (`GetSessionResult`). If the future is dropped,
    /// the call is cancelled; reading has no side effects.
    ///
    /// # Errors
    /// Every status but OK, and failures to connect.
    pub async fn result(
        &self,
        message: v1::GetSessionResultRequest,
    ) -> Result<ClientResponse<v1::GetSessionResultResponse>, ClientError> {
        self.call(message, async |mut service, request| {
            service.get_session_result(request).await
        })
        .await
    }

    /// Watches a session (`WatchSession`) until its check has finished or it expires. The
    /// timeout and the retries of the client do not apply: a watch ends with its session.
    ///
    /// # Errors
    /// Every status but OK, and failures to connect.
    pub async fn watch(
        &self,
        message: v1::WatchSessionRequest,
    ) -> Result<SessionWatch, ClientError> {
        SessionWatch::open(self.clone(), message).await
    }

    pub(crate) async fn open_watch(
        &self,
        message: v1::WatchSessionRequest,
        deadline: Instant,
    ) -> Result<Streaming<v1::WatchSessionResponse>, Status> {
        let request = self.request(message, deadline).await?;
        let response = self.service.clone().watch_session(request).await?;
        Ok(response.into_inner())
    }

    /// Sends `message`, and again after each status that may be retried.
    async fn call<M: Clone, R>(
        &self,
        message: M,
        send: impl AsyncFn(SessionServiceClient<Channel>, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<ClientResponse<R>, ClientError> {
        let deadline = Instant::now() + self.timeout;
        let mut retries = 0;
        loop {
            let attempt = async {
                let request = self.request(message.clone(), deadline).await?;
                send(self.service.clone(), request).await
            };
            let status = match timeout_at(deadline, attempt).await {
                Ok(Ok(response)) => return Ok(ClientResponse::new(response, retries)),
                Ok(Err(status)) if !is_local_timeout(&status) => status,
                Ok(Err(_)) | Err(_) => deadline_exceeded(),
            };
            let time_left = deadline.saturating_duration_since(Instant::now());
            match retry_delay(&status, time_left) {
                Some(delay) if retries < self.max_retries => sleep(delay).await,
                _ => return Err(status.into()),
            }
            retries += 1;
        }
    }

    async fn request<M>(&self, message: M, deadline: Instant) -> Result<Request<M>, Status> {
        let mut request = Request::new(message);
        if let Some(caller) = &self.caller {
            let name = caller.parse().map_err(|_| {
                Status::invalid_argument(format!("caller {caller:?} is not printable ASCII"))
            })?;
            request.metadata_mut().insert(CALLER_KEY, name);
        }
        if let Some(token) = &self.token {
            let value = token.authorization().await?;
            request.metadata_mut().insert(AUTHORIZATION_KEY, value);
        }
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        Ok(request)
    }
}
