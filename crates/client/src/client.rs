//! A client for the commands: one call, its answer or its status in plain words.

use std::time::Duration;

use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::v1;
use crate::v1::session_service_client::SessionServiceClient;

const CALLER_KEY: &str = "livegate-caller";
const AUTHORIZATION_KEY: &str = "authorization";
const ATTEMPTS_KEY: &str = "livegate-attempts";
const QUEUE_WAIT_KEY: &str = "livegate-queue-wait-ms";

/// A connection to a Livegate. Clones share it.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    caller: Option<String>,
    token: Option<String>,
    timeout: Duration,
}

/// What a client goes by over TLS, in PEM.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// The roots of the server's certificate; unset: the system's.
    pub roots: Option<Vec<u8>>,
    /// A certificate of its own, and the key of that.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// An answer, and what it took.
#[derive(Clone, Debug)]
pub struct ClientResponse<T> {
    /// The message.
    pub message: T,
    /// Attempts at AWS.
    pub attempts: u64,
    /// How long it waited for the quota.
    pub waited: Duration,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {reason}: {message}")]
pub struct ClientError {
    /// The gRPC code as a number: the exit code of a command.
    pub number: u8,
    /// Its name, as in `RESOURCE_EXHAUSTED`.
    pub code: &'static str,
    /// The reason of its `ErrorInfo`; empty where it has none.
    pub reason: String,
    /// What it says.
    pub message: String,
    /// Each field that is wrong, and how.
    pub violations: Vec<(String, String)>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Client {
    /// A client of `endpoint`, an `http://` URL. It connects with the first call.
    ///
    /// # Errors
    /// Where `endpoint` is no URL.
    pub fn new(endpoint: &str, timeout: Duration) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned())?;
        Ok(Self::of(&endpoint, timeout))
    }

    /// A client of `endpoint`, an `https://` URL. It connects with the first call.
    ///
    /// # Errors
    /// Where `endpoint` is no URL, or a certificate or key is none.
    pub fn over_tls(
        endpoint: &str,
        tls: ClientTls,
        timeout: Duration,
    ) -> Result<Self, tonic::transport::Error> {
        let config = match tls.roots {
            Some(roots) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        let config = match tls.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        };
        let endpoint = Endpoint::from_shared(endpoint.to_owned())?.tls_config(config)?;
        Ok(Self::of(&endpoint, timeout))
    }

    fn of(endpoint: &Endpoint, timeout: Duration) -> Self {
        Self {
            channel: endpoint.connect_lazy(),
            caller: None,
            token: None,
            timeout,
        }
    }

    /// The same connection, as `caller` (`livegate-caller`).
    #[must_use]
    pub fn as_caller(&self, caller: &str) -> Self {
        Self {
            caller: Some(caller.to_owned()),
            ..self.clone()
        }
    }

    /// The same connection, with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// `CreateSession`.
    ///
    /// # Errors
    /// Any status but OK.
    pub async fn create(
        &self,
        message: v1::CreateSessionRequest,
    ) -> Result<ClientResponse<v1::CreateSessionResponse>, ClientError> {
        let request = self.request(message)?;
        let mut client = SessionServiceClient::new(self.channel.clone());
        Ok(ClientResponse::from(client.create_session(request).await?))
    }

    /// `GetSessionResult`.
    ///
    /// # Errors
    /// Any status but OK.
    pub async fn result(
        &self,
        message: v1::GetSessionResultRequest,
    ) -> Result<ClientResponse<v1::GetSessionResultResponse>, ClientError> {
        let request = self.request(message)?;
        let mut client = SessionServiceClient::new(self.channel.clone());
        Ok(ClientResponse::from(
            client.get_session_result(request).await?,
        ))
    }

    fn request<T>(&self, message: T) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        if let Some(caller) = &self.caller {
            let name = caller.parse().map_err(|_| {
                Status::invalid_argument(format!("the caller {caller:?} is not printable ASCII"))
            })?;
            request.metadata_mut().insert(CALLER_KEY, name);
        }
        if let Some(token) = &self.token {
            let value: Result<AsciiMetadataValue, _> = format!("Bearer {token}").parse();
            let mut value =
                value.map_err(|_| Status::invalid_argument("the token is not printable ASCII"))?;
            value.set_sensitive(true);
            request.metadata_mut().insert(AUTHORIZATION_KEY, value);
        }
        Ok(request)
    }
}

impl<T> From<tonic::Response<T>> for ClientResponse<T> {
    fn from(response: tonic::Response<T>) -> Self {
        let number =
            |metadata: &MetadataMap, key| metadata.get(key)?.to_str().ok()?.parse::<u64>().ok();
        let attempts = number(response.metadata(), ATTEMPTS_KEY).unwrap_or_default();
        let waited = number(response.metadata(), QUEUE_WAIT_KEY).unwrap_or_default();
        let waited = Duration::from_millis(waited);
        Self {
            message: response.into_inner(),
            attempts,
            waited,
        }
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        let status = as_deadline(status);
        let details = status.get_error_details();
        let violations = details
            .bad_request()
            .map(|bad| bad.field_violations.as_slice());
        let violation = |v: &tonic_types::FieldViolation| (v.field.clone(), v.description.clone());
        Self {
            number: u8::try_from(status.code() as i32).unwrap_or(Code::Unknown as u8),
            code: name(status.code()),
            reason: details
                .error_info()
                .map(|info| info.reason.clone())
                .unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations
                .unwrap_or_default()
                .iter()
                .map(violation)
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

/// What tonic's own timer calls `CANCELLED` is a deadline to everyone else.
fn as_deadline(status: Status) -> Status {
    let own_timer = status.code() == Code::Cancelled && status.message() == "Timeout expired";
    if own_timer {
        Status::deadline_exceeded("the deadline was over before an answer came")
    } else {
        status
    }
}

/// A code's name as the specification writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
