//! The HTTP/2 streams of one connection. Each request runs in a task, from its headers to
//! the last byte of its response.
//!
//! `hyper` (1.12, `proto/h2/server.rs`) passes a request to [`Service::call`] and, immediately
//! afterwards, the future of its stream to [`Executor::execute`]. A test of the accept loop
//! fails if that order changes. The first stores a [`StreamGuard`] in `pending`,
//! the second takes it. What the request's [`ResponseState`] holds is thus held until the peer
//! has read the last byte of the response, and a peer that does not read loses one stream, not
//! the connection. For example, with a `response_write_timeout` of 10 s, a response is ready
//! after 2 s and the peer's flow-control window is closed: at 12 s the stream is reset, and
//! the other streams continue.
//!
//! [`Service::call`]: hyper::service::Service::call
//! [`Executor::execute`]: hyper::rt::Executor::execute

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower::util::Oneshot;

use super::reset_budget::reset_budget;
use super::response_state::ResponseState;
use super::service::{RequestCount, RequestService, ResponseBody};
use super::{Peer, TransportLimits};
use crate::model::TokenBucket;

/// The state that all connections share.
#[derive(Clone)]
pub(super) struct ServerState<S> {
    pub(super) service: S,
    pub(super) limits: TransportLimits,
    /// The tasks of all streams.
    pub(super) streams: TaskTracker,
}

/// The streams of one connection. Clones share them.
#[derive(Clone)]
pub(super) struct ConnectionStreams<S> {
    server: ServerState<S>,
    peer: Peer,
    connection: Arc<ConnectionState>,
}

struct ConnectionState {
    /// A signal that the first request sets, by cancelling the token.
    first_request: CancellationToken,
    /// Cancelled when a budget of the peer is exceeded.
    flooded: CancellationToken,
    reset_budget: Mutex<TokenBucket>,
    open_streams: RequestCount,
    /// When the last stream ended, or the connection began.
    idle_since: Mutex<Instant>,
    /// The guard of a request whose stream has no task yet.
    pending: Mutex<Option<StreamGuard>>,
    response_write_timeout: Duration,
}

/// Belongs to a request until its stream ends.
struct StreamGuard {
    _open: RequestCount,
    response: ResponseState,
}

impl<S> ConnectionStreams<S> {
    pub(super) fn new(server: ServerState<S>, peer: Peer) -> Self {
        let (limits, now) = (&server.limits, Instant::now());
        let connection = Arc::new(ConnectionState {
            first_request: CancellationToken::new(),
            flooded: CancellationToken::new(),
            reset_budget: Mutex::new(reset_budget(limits, now)),
            open_streams: RequestCount::default(),
            idle_since: Mutex::new(now),
            pending: Mutex::new(None),
            response_write_timeout: limits.response_write_timeout,
        });
        Self {
            server,
            peer,
            connection,
        }
    }

    /// Returns a token that the first request cancels.
    pub(super) fn first_request(&self) -> CancellationToken {
        self.connection.first_request.clone()
    }

    /// Returns a token that is cancelled when the peer exceeds a budget.
    pub(super) fn flooded(&self) -> CancellationToken {
        self.connection.flooded.clone()
    }

    /// Returns a future that ends when the connection has had no stream for `limit`.
    pub(super) fn idle(&self, limit: Duration) -> impl Future<Output = ()> + use<S> {
        let connection = self.connection.clone();
        async move {
            // A timer for each stream would cost each call more.
            while let Some(next) = connection.idle_at(Instant::now(), limit) {
                sleep_until(next).await;
            }
        }
    }
}

impl<S: RequestService> hyper::service::Service<Request<Incoming>> for ConnectionStreams<S> {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Oneshot<S, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.connection.first_request.cancel();
        let response = ResponseState::default();
        let extensions = request.extensions_mut();
        extensions.insert(self.peer.clone());
        extensions.insert(response.clone());
        *self.connection.pending.lock() = Some(StreamGuard {
            _open: self.connection.open_streams.clone(),
            response,
        });
        self.server.service.clone().oneshot(request)
    }
}

impl<S, F> hyper::rt::Executor<F> for ConnectionStreams<S>
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let guard = self.connection.pending.lock().take();
        let connection = self.connection.clone();
        // Boxed, because a task has room for each variable that its future passes through.
        let stream = Box::pin(stream);
        self.server.streams.spawn(async move {
            match guard {
                Some(guard) => connection.run(stream, guard).await,
                None => stream.await,
            }
        });
    }
}

impl ConnectionState {
    /// Runs `stream` until it ends or the peer does not read its response in time. Without
    /// the timeout, and if the permit is released before,
    /// `a_response_that_is_not_read_holds_its_permit_until_it_is_reset` fails.
    async fn run(&self, mut stream: Pin<Box<impl Future<Output = ()>>>, guard: StreamGuard) {
        // The handler runs within `stream`, so the response is ready after a poll of it.
        let answered = poll_fn(|cx| match stream.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => match guard.response.time_to_complete() {
                Some(left) => Poll::Ready(Some(left)),
                None => Poll::Pending,
            },
        });
        if let Some(left) = answered.await {
            let _ = timeout(left + self.response_write_timeout, stream).await;
        }
        if guard.response.is_abandoned() {
            self.spend_reset();
        }
        *self.idle_since.lock() = Instant::now();
    }

    /// Returns when the connection can first be idle for `limit`, or `None` if it is at `now`.
    fn idle_at(&self, now: Instant, limit: Duration) -> Option<Instant> {
        if self.open_streams.in_progress() > 0 {
            return Some(now + limit);
        }
        let idle_at = *self.idle_since.lock() + limit;
        (idle_at > now).then_some(idle_at)
    }

    fn spend_reset(&self) {
        if !self.reset_budget.lock().try_take(Instant::now()) {
            self.flooded.cancel();
        }
    }
}
