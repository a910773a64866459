//! A server that replies by a script and records what it receives.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::vec::IntoIter;

use livegate_client::v1::{
    CreateSessionRequest, CreateSessionResponse, GetSessionResultRequest, GetSessionResultResponse,
    Session, SessionStatus, WatchSessionRequest, WatchSessionResponse,
};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tonic::codegen::tokio_stream::{Iter, iter};
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use generated::session_service_server::{SessionService, SessionServiceServer};

mod generated {
    #![expect(unreachable_pub, unused_qualifications, reason = "generated")]
    #![expect(clippy::allow_attributes, reason = "generated")]
    #![expect(clippy::allow_attributes_without_reason, reason = "generated")]
    #![expect(clippy::too_many_lines, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/test_server/livegate.v1.rs"));
}

type Reply = Result<CreateSessionResponse, Status>;
type Hook = Box<dyn FnOnce() + Send>;

/// The replies, in order. After the last one every call succeeds.
#[derive(Default)]
pub(crate) struct Script {
    replies: VecDeque<Reply>,
    is_silent: bool,
}

/// A call as the server received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) request_id: String,
    pub(crate) timeout: Duration,
    pub(crate) caller: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) at: Instant,
}

/// A running server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: State,
    task: AbortHandle,
}

#[derive(Clone)]
struct State {
    script: Arc<Mutex<Script>>,
    received: Arc<Mutex<Vec<Received>>>,
    hook: Arc<Mutex<Option<Hook>>>,
}

/// The session of every successful call.
pub(crate) fn session() -> CreateSessionResponse {
    let session = Session {
        session_id: "a8ad0f88-3003-4df2-bcea-b831176ce951".to_owned(),
        ..Session::default()
    };
    CreateSessionResponse {
        session: Some(session),
    }
}

/// `QUOTA_EXHAUSTED` with this `RetryInfo`, and with this `grpc-retry-pushback-ms`.
pub(crate) fn refused(retry_after: Duration, pushback: Option<i64>) -> Reply {
    let mut details = ErrorDetails::with_error_info("QUOTA_EXHAUSTED", "livegate", []);
    details.set_retry_info(Some(retry_after));
    details.set_request_info("call-1", "");
    let mut trailers = MetadataMap::new();
    if let Some(millis) = pushback {
        trailers.insert("grpc-retry-pushback-ms", millis.into());
    }
    let (code, message) = (Code::ResourceExhausted, "shared quota exhausted");
    Err(Status::with_error_details_and_metadata(
        code, message, details, trailers,
    ))
}

impl Script {
    /// No call gets a reply.
    pub(crate) fn silent() -> Self {
        Self {
            is_silent: true,
            ..Self::default()
        }
    }
}

impl FromIterator<Reply> for Script {
    fn from_iter<I: IntoIterator<Item = Reply>>(replies: I) -> Self {
        Self {
            replies: replies.into_iter().collect(),
            is_silent: false,
        }
    }
}

impl<const N: usize> From<[Reply; N]> for Script {
    fn from(replies: [Reply; N]) -> Self {
        replies.into_iter().collect()
    }
}

impl Server {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let state = State {
            script: Arc::new(Mutex::new(script)),
            received: Arc::default(),
            hook: Arc::default(),
        };
        let service = SessionServiceServer::new(state.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        let serving = server.serve_with_incoming(TcpIncoming::from(listener));
        let task = tokio::spawn(serving).abort_handle();
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls so far, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// Runs `hook` before the next reply is sent.
    pub(crate) fn before_response(&self, hook: impl FnOnce() + Send + 'static) {
        *lock(&self.state.hook) = Some(Box::new(hook));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn reply(&self, headers: &MetadataMap, request_id: String) -> Reply {
        let text = |key| Some(headers.get(key)?.to_str().ok()?.to_owned());
        lock(&self.received).push(Received {
            request_id,
            timeout: text("grpc-timeout").map_or(Duration::ZERO, |value| timeout(&value)),
            caller: text("livegate-caller"),
            authorization: text("authorization"),
            at: Instant::now(),
        });
        let reply = {
            let mut script = lock(&self.script);
            (!script.is_silent).then(|| script.replies.pop_front().unwrap_or(Ok(session())))
        };
        if let Some(hook) = lock(&self.hook).take() {
            hook();
        }
        match reply {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl SessionService for State {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let (headers, _, message) = request.into_parts();
        let mut response = Response::new(self.reply(&headers, message.request_id).await?);
        for (key, value) in [
            ("livegate-attempts", "2"),
            ("livegate-queue-wait-ms", "40"),
            ("livegate-call-id", "call-1"),
        ] {
            let value = value.parse().expect("ASCII");
            response.metadata_mut().insert(key, value);
        }
        Ok(response)
    }

    async fn get_session_result(
        &self,
        request: Request<GetSessionResultRequest>,
    ) -> Result<Response<GetSessionResultResponse>, Status> {
        self.reply(request.metadata(), String::new()).await?;
        Ok(Response::new(GetSessionResultResponse::default()))
    }

    type WatchSessionStream = Iter<IntoIter<Result<WatchSessionResponse, Status>>>;

    /// The first stream ends with `UNAVAILABLE` after one state, the others with the result.
    async fn watch_session(
        &self,
        request: Request<WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        self.reply(request.metadata(), String::new()).await?;
        let states = if lock(&self.received).len() == 1 {
            let drained = Status::unavailable("the replica shuts down");
            vec![Ok(state(SessionStatus::Created)), Err(drained)]
        } else {
            vec![Ok(state(SessionStatus::Succeeded))]
        };
        Ok(Response::new(iter(states)))
    }
}

fn state(status: SessionStatus) -> WatchSessionResponse {
    let result = GetSessionResultResponse {
        status: status.into(),
        ..GetSessionResultResponse::default()
    };
    WatchSessionResponse {
        result: Some(result),
    }
}

/// Reads a `grpc-timeout`, as in `9999999u`.
fn timeout(value: &str) -> Duration {
    let (digits, unit) = value.split_at(value.len() - 1);
    let count: u64 = digits.parse().expect("digits");
    match unit {
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => panic!("unexpected unit in {value:?}"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of the lock panics")
}
