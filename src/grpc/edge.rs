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
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::FieldViolation;
use tower::{Layer, Service};
use tracing::{Instrument as _, field, info_span};
use uuid::Uuid;

use super::call::{Call, Patience};
use super::metrics::{self, GrpcMetrics};
use super::status::{ComeBack, Explained};
use super::{MAX_REQUEST_BYTES, deadline};
use crate::auth::{AuthMode, CALLER_KEY};
use crate::deadline::Deadline;

/// The header under which a caller learns the id of its call.
const CALL_ID_HEADER: &str = "x-request-id";
const TIMEOUT_HEADER: &str = "grpc-timeout";
const STATUS_HEADER: &str = "grpc-status";
const DETAILS_HEADER: &str = "grpc-status-details-bin";

/// The services of whose calls we want to know the caller.
const OURS: &str = "/livegate.v1.";

/// What the edge goes by.
#[derive(Clone, Debug)]
pub(super) struct EdgeLayer {
    pub(super) auth: AuthMode,
    pub(super) default_deadline: Duration,
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

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let layer = self.layer.clone();
        Box::pin(async move { Ok(layer.pass(inner, request).await) })
    }
}

impl EdgeLayer {
    async fn pass<S>(&self, mut inner: S, mut request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let now = Instant::now();
        let id: Arc<str> = Uuid::new_v4().to_string().into();
        let guard = self.metrics.begin(method_label(request.uri().path()));
        let span = info_span!(
            "call",
            rpc.method = request.uri().path(),
            call_id = &*id,
            caller = field::Empty,
            rpc.grpc.status = field::Empty
        );
        let mut response = match self.enter(&mut request, &id, now) {
            Ok(()) => {
                if let Some(call) = request.extensions().get::<Call>() {
                    span.record("caller", call.caller.as_str());
                }
                // A panic unwinds through values of this call alone.
                let answer = AssertUnwindSafe(async move { inner.call(request).await });
                match answer.catch_unwind().instrument(span.clone()).await {
                    Ok(Ok(response)) => with_details(response, &id),
                    Err(_) => Explained::internal()
                        .into_status(&id, None, now)
                        .into_http(),
                }
            }
            Err(refused) => refused.into_status(&id, None, now).into_http(),
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(CALL_ID_HEADER, id);
        }
        let code = code_of(&response);
        span.record("rpc.grpc.status", metrics::name(code));
        guard.finish(code);
        response
    }

    /// Makes the call known to the handlers.
    fn enter(
        &self,
        request: &mut Request<Body>,
        id: &Arc<str>,
        now: Instant,
    ) -> Result<(), Explained> {
        if !request.uri().path().starts_with(OURS) {
            return Ok(());
        }
        let headers = request.headers();
        let named = headers.get(CALLER_KEY).map(HeaderValue::as_bytes);
        let caller = self
            .auth
            .identify(named)
            .map_err(Explained::unauthenticated)?;
        let (patience, left) = match headers.get(TIMEOUT_HEADER) {
            Some(timeout) => {
                let timeout = deadline::parse(timeout.as_bytes()).ok_or_else(timeout_unreadable)?;
                (Patience::Bounded, deadline::usable(timeout))
            }
            None => (Patience::Unbounded, self.default_deadline),
        };
        let deadline = Deadline::after(now, left);
        if deadline.is_over(now) {
            // Tonic's own timer fires as soon as it is asked.
            return Err(Explained::too_late());
        }
        request.extensions_mut().insert(Call {
            id: id.clone(),
            caller,
            deadline,
            patience,
        });
        Ok(())
    }
}

fn timeout_unreadable() -> Explained {
    let problem = "must be 1 to 8 digits and a unit: H, M, S, m, u or n";
    Explained::invalid(vec![FieldViolation::new(TIMEOUT_HEADER, problem)])
}

/// A bounded set: whatever a peer invents is `other`.
fn method_label(path: &str) -> Arc<str> {
    const KNOWN: [&str; 4] = [
        "/livegate.v1.SessionService/CreateSession",
        "/livegate.v1.SessionService/GetSessionResult",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ];
    Arc::from(if KNOWN.contains(&path) {
        &path[1..]
    } else {
        "other"
    })
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
            let mut explained = Explained::new(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", bound);
            explained.come_back = ComeBack::Never;
            explained
        }
        // Our own have details: this one says that the request cannot be decoded.
        Code::Internal => Explained::new(Code::InvalidArgument, "INVALID_REQUEST", message),
        Code::Unimplemented if message.is_empty() => {
            let unknown = "there is no such method";
            Explained::new(Code::Unimplemented, "METHOD_UNKNOWN", unknown)
        }
        code => {
            let mut explained = Explained::new(code, metrics::name(code), message);
            // Stock clients retry these where nobody tells them not to.
            if matches!(code, Code::ResourceExhausted | Code::Unavailable) {
                explained.come_back = ComeBack::Never;
            }
            explained
        }
    }
}
