//! The middleware around all services. It turns each HTTP request into a call and processes
//! every response.
//!
//! A request that is not gRPC is refused first, with an HTTP status. Before the body of any
//! other request is read, the call gets an id, a deadline and an authenticated caller that
//! may use the method. Errors get details, also those of `tonic`; a panic is `INTERNAL`.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::audit_guard::AuditGuard;
use super::call::{Call, DeadlineSource};
use super::concurrency_limit::ProcessLimits;
use super::failure_log::FailureLog;
use super::method::{LIVEGATE_PREFIX, REFLECTION_PREFIX, RpcMethod, response_kind};
use super::metrics::{CallGuard, GrpcMetrics};
use super::request_body::HeldBytes;
use super::response::{self, code_of};
use super::rpc_error::RpcError;
use super::{call, deadline, http_refusal, peer_credentials, request_body, span};
use crate::audit::Audit;
use crate::auth::Authenticator;
use crate::auth::policy::Authorizer;
use crate::model::Deadline;
use crate::transport::{Peer, ResponseBody, ResponseState};

/// The response header with the call's id.
const CALL_ID_HEADER: &str = "livegate-call-id";
const DETAILS_HEADER: &str = "grpc-status-details-bin";

/// The middleware, as a layer around the services.
#[derive(Clone, Debug)]
pub(super) struct MiddlewareLayer {
    pub(super) auth: Arc<Authenticator>,
    pub(super) authorizer: Authorizer,
    pub(super) concurrency: Arc<ProcessLimits>,
    pub(super) audit: Audit,
    pub(super) log: FailureLog,
    pub(super) default_deadline: Duration,
    pub(super) request_body_timeout: Duration,
    pub(super) metrics: GrpcMetrics,
    pub(super) drain: CancellationToken,
}

impl<S> Layer<S> for MiddlewareLayer {
    type Service = Middleware<S>;

    fn layer(&self, inner: S) -> Middleware<S> {
        Middleware {
            layer: Arc::new(self.clone()),
            inner,
        }
    }
}

/// The middleware around the services `inner`.
#[derive(Clone, Debug)]
pub(super) struct Middleware<S> {
    layer: Arc<MiddlewareLayer>,
    inner: S,
}

impl<S> Service<Request<Incoming>> for Middleware<S>
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
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        let request = request.map(Body::new);
        Box::pin(async move { Ok(layer.handle(inner, request).await) })
    }
}

impl MiddlewareLayer {
    async fn handle<S>(&self, inner: S, mut request: Request<Body>) -> Response<ResponseBody>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let now = Instant::now();
        let id = call::new_id();
        let path = request.uri().path();
        let mut guard = self.metrics.begin(RpcMethod::of_path(path), &id);
        let kind = response_kind(path);
        let span = span::begin(&request, &id);
        let response_state = request.extensions().get::<ResponseState>().cloned();
        let mut response = match http_refusal::refuse(&request) {
            Some(refusal) => refusal,
            None => match self.prepare(&mut request, &mut guard, now).await {
                Ok(held) => {
                    let response = self.respond(inner, request, held, &id);
                    response.instrument(span.clone()).await
                }
                Err(error) => {
                    let timeout = deadline::timeout(request.headers());
                    let patience =
                        timeout.map(|timeout| timeout.usable().saturating_sub(now.elapsed()));
                    error.into_status(&id, patience).into_http()
                }
            },
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(CALL_ID_HEADER, id);
        }
        if let Some(response_state) = response_state {
            response_state.report(kind);
        }
        response::counted(response, kind, (span, guard), &self.drain)
    }

    /// Sets a timeout on reading the body, authenticates the caller, adds the [`Call`] to the
    /// extensions, and refuses it beyond the concurrency limit.
    async fn prepare(
        &self,
        request: &mut Request<Body>,
        guard: &mut CallGuard,
        now: Instant,
    ) -> Result<HeldBytes, RpcError> {
        let body = std::mem::take(request.body_mut());
        let timeout = self.request_body_timeout;
        // A call of the reflection service sends messages for as long as it lasts.
        *request.body_mut() = if request.uri().path().starts_with(REFLECTION_PREFIX) {
            response::until(self.drain.clone(), timeout, body)
        } else {
            let response_state = request.extensions().get::<ResponseState>().cloned();
            request_body::limit_time(body, timeout, response_state, &guard.call_id)
        };
        if !request.uri().path().starts_with(LIVEGATE_PREFIX) {
            let (path, extensions) = (request.uri().path(), request.extensions());
            let admitted = self.concurrency.admit_unauthenticated(path, extensions);
            return admitted
                .map(|()| HeldBytes::default())
                .map_err(RpcError::concurrency_limit);
        }
        let call = self.authenticate(request, &guard.call_id, now).await?;
        guard.caller = Some(call.caller.clone());
        let held = self.concurrency.admit(&call, request.extensions());
        request.extensions_mut().insert(call);
        held.map_err(RpcError::concurrency_limit)
    }

    /// Reads the deadline, and authenticates the caller within it.
    async fn authenticate(
        &self,
        request: &mut Request<Body>,
        id: &Arc<str>,
        now: Instant,
    ) -> Result<Call, RpcError> {
        let (deadline_source, left) = match deadline::timeout(request.headers()) {
            Some(timeout) => (DeadlineSource::Caller, timeout.usable()),
            None if request.headers().contains_key(deadline::HEADER) => {
                return Err(RpcError::invalid_timeout());
            }
            None => (DeadlineSource::Default, self.default_deadline),
        };
        let deadline = Deadline::after(now, left);
        if deadline.is_over(now) {
            return Err(RpcError::deadline_exceeded());
        }
        // The JWKS may have to be fetched first.
        let peer = request.extensions().get::<Peer>().cloned();
        let peer = peer.unwrap_or_default();
        let identity = peer_credentials::authenticate(&self.auth, &peer, request.headers());
        let identity = timeout_at(deadline.instant(), identity).await;
        let identity = identity.map_err(|_| RpcError::deadline_exceeded())?;
        let refused = |cause| self.log.refuse_caller(cause, id, peer.address);
        let identity = identity.map_err(refused)?;
        peer.authentication.complete();
        Ok(Call {
            id: id.clone(),
            permissions: self.authorizer.permissions(&identity.caller),
            caller: identity.caller,
            auth_method: identity.auth_method,
            certificate: identity.certificate,
            peer: peer.address,
            deadline,
            deadline_source,
        })
    }

    /// Returns the response of `inner`, or an error if the caller may not use the method, or
    /// if `inner` panics or misses its deadline. It reads the request before it calls `inner`.
    async fn respond<S>(
        &self,
        mut inner: S,
        request: Request<Body>,
        held: HeldBytes,
        id: &str,
    ) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let mut left = None;
        if let Some(call) = request.extensions().get::<Call>() {
            span::record_caller(call);
            left = Some(call.deadline.left(Instant::now()));
            if let Err(error) = self.authorize(call, request.uri().path()) {
                return error.into_status(id, call.patience()).into_http();
            }
        }
        // Boxed, because each of the futures around it would have its size.
        let response = Box::pin(async {
            match request_body::receive(request, held, id).await {
                Ok(request) => inner.call(request).await,
                Err(status) => Ok(status.into_http()),
            }
        });
        let in_time = async {
            match left {
                // No handler observes the deadline while the request arrives slowly.
                Some(left) => timeout(deadline::backstop(left), response).await,
                None => Ok(response.await),
            }
        };
        // A panic unwinds only through values of this call.
        let error = match AssertUnwindSafe(in_time).catch_unwind().await {
            Ok(Ok(Ok(response))) => return with_details(response, id),
            Ok(Err(_)) => RpcError::deadline_exceeded(),
            Err(_) => RpcError::internal(),
        };
        error.into_status(id, None).into_http()
    }

    /// Checks that the caller may use the method, before the body is read.
    fn authorize(&self, call: &Call, path: &str) -> Result<(), RpcError> {
        let Some(operation) = RpcMethod::of_path(path).operation() else {
            return Ok(());
        };
        call.permissions.check(operation).map_err(|refused| {
            let refused = refused.into();
            let error = RpcError::from_session(&refused, call);
            self.log.record(&refused, &error);
            AuditGuard::unread(&self.audit, call, RpcMethod::of_path(path)).finish(Err(&error));
            error
        })
    }
}

/// Adds details to an error that `tonic` itself returned.
fn with_details(response: Response<Body>, id: &str) -> Response<Body> {
    if code_of(&response) == Code::Ok || response.headers().contains_key(DETAILS_HEADER) {
        return response;
    }
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    let error = RpcError::from_tonic(&status);
    error.into_status(id, None).into_http()
}
