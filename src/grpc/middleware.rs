//! The outermost layer: every call passes here before its body is read, and its
//! status on the way out.
//!
//! On the way in it gives the call an id, a deadline and a caller. On the way out
//! it sees to it that every error has details, also those of tonic itself, that a
//! panic answers `INTERNAL`, and that every call is counted.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::FieldViolation;
use tower::{Layer, Service};
use tracing::{Instrument as _, debug};
use uuid::Uuid;

use super::call::{Call, Patience};
use super::concurrency_limit::OURS;
use super::metrics::GrpcMetrics;
use super::peer_credentials;
use super::reason::Reason;
use super::span;
use super::status::{ComeBack, Explained};
use super::{MAX_REQUEST_BYTES, deadline};
use crate::auth::Authenticator;
use crate::model::Deadline;
use crate::transport::{
    BodyTimeout, ChunkedBody, ConcurrencyLimitExceeded, RequestBodyError, ResponseBody,
    ResponseKind, ResponseState,
};

/// The header under which a caller learns the id of its call.
const CALL_ID_HEADER: &str = "livegate-call-id";
const TIMEOUT_HEADER: &str = "grpc-timeout";
const STATUS_HEADER: &str = "grpc-status";
const DETAILS_HEADER: &str = "grpc-status-details-bin";

/// What the edge goes by.
#[derive(Clone, Debug)]
pub(super) struct EdgeLayer {
    pub(super) auth: Arc<Authenticator>,
    pub(super) default_deadline: Duration,
    pub(super) request_body_timeout: Duration,
    pub(super) metrics: GrpcMetrics,
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge {
            layer: self.clone(),
            inner,
        }
    }
}

/// The layer around the services.
#[derive(Clone, Debug)]
pub(super) struct Edge<S> {
    layer: EdgeLayer,
    inner: S,
}

impl<S> Service<Request<Incoming>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<ResponseBody>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let request = request.map(Body::new);
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let layer = self.layer.clone();
        Box::pin(async move { Ok(layer.pass(inner, request).await) })
    }
}

impl EdgeLayer {
    async fn pass<S>(&self, inner: S, mut request: Request<Body>) -> Response<ResponseBody>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let now = Instant::now();
        let id: Arc<str> = Uuid::new_v4().to_string().into();
        let path = request.uri().path();
        let guard = self.metrics.begin(span::method(path));
        let answered = kind_of_answer(path);
        let span = span::begin(&request, &id);
        let answering = request.extensions().get::<ResponseState>().cloned();
        let mut response = match self.enter(&mut request, &id, now).await {
            Ok(()) => answer(inner, request, &id).instrument(span.clone()).await,
            Err(refused) => refused.into_status(&id, None, now).into_http(),
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(CALL_ID_HEADER, id);
        }
        let code = code_of(&response);
        span::end(&span, code);
        let duration_ms = now.elapsed().as_millis() as u64;
        span.in_scope(|| debug!(duration_ms, "call answered"));
        guard.finish(code, Reason::of(&response));
        if let Some(answering) = answering {
            answering.report(answered);
        }
        response.map(|body| response_body(body, answered))
    }

    /// Makes the call known to the handlers.
    async fn enter(
        &self,
        request: &mut Request<Body>,
        id: &Arc<str>,
        now: Instant,
    ) -> Result<(), Explained> {
        if let Some(no_place) = request
            .extensions_mut()
            .remove::<ConcurrencyLimitExceeded>()
        {
            return Err(Explained::too_many(no_place));
        }
        if kind_of_answer(request.uri().path()) == ResponseKind::Complete {
            let answering = request.extensions().get::<ResponseState>().cloned();
            let body = std::mem::take(request.body_mut());
            let body = BodyTimeout::new(self.request_body_timeout, body, answering);
            *request.body_mut() = Body::new(body.map_err(body_status));
        }
        if request.uri().path().starts_with(OURS) {
            let call = self.call(request, id, now).await?;
            request.extensions_mut().insert(call);
        }
        Ok(())
    }

    /// Who calls, and until when.
    async fn call(
        &self,
        request: &mut Request<Body>,
        id: &Arc<str>,
        now: Instant,
    ) -> Result<Call, Explained> {
        let (patience, left) = match request.headers().get(TIMEOUT_HEADER) {
            Some(timeout) => {
                let timeout = deadline::parse(timeout.as_bytes()).ok_or_else(timeout_unreadable)?;
                (Patience::Bounded, deadline::usable(timeout))
            }
            None => (Patience::Unbounded, self.default_deadline),
        };
        let deadline = Deadline::after(now, left);
        if deadline.is_over(now) {
            return Err(Explained::too_late());
        }
        // Keys of tokens may have to be read first.
        let identity = peer_credentials::identify(&self.auth, request);
        let identity = timeout_at(deadline.instant(), identity).await;
        let identity = identity.map_err(|_| Explained::too_late())?;
        let identity = identity.map_err(Explained::unauthenticated)?;
        Ok(Call {
            id: id.clone(),
            caller: identity.caller,
            auth_method: identity.auth_method,
            deadline,
            patience,
        })
    }
}

/// The handler's answer, in time, or why there is none.
async fn answer<S>(mut inner: S, request: Request<Body>, id: &str) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let left = request.extensions().get::<Call>().map(|call| {
        span::name_caller(call);
        call.deadline.left(Instant::now())
    });
    let in_time = async {
        match left {
            // A request can be slow to arrive: the handler does not see its time pass.
            Some(left) => timeout(deadline::backstop(left), inner.call(request)).await,
            None => Ok(inner.call(request).await),
        }
    };
    // A panic unwinds through values of this call alone.
    let failure = match AssertUnwindSafe(in_time).catch_unwind().await {
        Ok(Ok(Ok(response))) => return with_details(response, id),
        Ok(Err(_)) => Explained::too_late(),
        Err(_) => Explained::internal(),
    };
    failure.into_status(id, None, Instant::now()).into_http()
}

/// Whether a method's answer is one piece or a stream.
fn kind_of_answer(path: &str) -> ResponseKind {
    if path == "/grpc.health.v1.Health/Watch" || path.starts_with("/grpc.reflection.") {
        ResponseKind::Streaming
    } else {
        ResponseKind::Complete
    }
}

fn response_body(body: Body, kind: ResponseKind) -> ResponseBody {
    match kind {
        ResponseKind::Complete => ResponseBody::new(ChunkedBody::new(body).map_err(Into::into)),
        ResponseKind::Streaming | ResponseKind::Abandoned => {
            ResponseBody::new(body.map_err(Into::into))
        }
    }
}

fn body_status(error: RequestBodyError<Status>) -> Status {
    match error {
        RequestBodyError::Timeout { limit } => Explained::new(
            Code::DeadlineExceeded,
            Reason::RequestBodyTimeout,
            error.to_string(),
        )
        .with("limit_ms", &limit.as_millis())
        .into_status("", None, Instant::now()),
        RequestBodyError::Read(status) => status,
    }
}

fn timeout_unreadable() -> Explained {
    let problem = "must be 1 to 8 digits and a unit: H, M, S, m, u or n";
    Explained::invalid(vec![FieldViolation::new(TIMEOUT_HEADER, problem)])
}

fn code_of(response: &Response<Body>) -> Code {
    // Only a Trailers-Only answer has its status among the headers.
    response
        .headers()
        .get(STATUS_HEADER)
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// Gives an error of tonic's own the details that ours have.
fn with_details(response: Response<Body>, id: &str) -> Response<Body> {
    if code_of(&response) == Code::Ok || response.headers().contains_key(DETAILS_HEADER) {
        return response;
    }
    match Status::from_header_map(response.headers()) {
        Some(status) => explain(&status)
            .into_status(id, None, Instant::now())
            .into_http(),
        None => response,
    }
}

fn explain(status: &Status) -> Explained {
    let message = status.message();
    match status.code() {
        // What tonic says of a request that is too large.
        Code::OutOfRange => {
            let bound = format!("the request is too large: at most {MAX_REQUEST_BYTES} bytes");
            let mut explained =
                Explained::new(Code::ResourceExhausted, Reason::MessageTooLarge, bound);
            explained.come_back = ComeBack::Never;
            explained
        }
        // Our own have details: this one says that the request cannot be decoded.
        Code::Internal => Explained::new(Code::InvalidArgument, Reason::InvalidRequest, message),
        Code::Unimplemented if message.is_empty() => {
            let unknown = "there is no such method";
            Explained::new(Code::Unimplemented, Reason::MethodNotFound, unknown)
        }
        code => {
            let mut explained = Explained::new(code, Reason::Bare(code), message);
            // Stock clients retry these where nobody tells them not to.
            if matches!(code, Code::ResourceExhausted | Code::Unavailable) {
                explained.come_back = ComeBack::Never;
            }
            explained
        }
    }
}
