//! The services of the gRPC port: the session service, and a router for the others.
//!
//! A call of the session service goes to it directly. The router would add a match of the
//! path, a copy of its parts, and two more boxes around each body: 4,000 of the 275,000
//! instructions of a refusal.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use super::method::LIVEGATE_PREFIX;

/// The session service, and the router for all other paths. Both are always ready.
#[derive(Clone, Debug)]
pub(super) struct Services<S> {
    pub(super) sessions: S,
    pub(super) others: Routes,
}

impl<S> Service<Request<Body>> for Services<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, <Routes as Service<Request<Body>>>::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path().starts_with(LIVEGATE_PREFIX) {
            Either::Left(self.sessions.call(request))
        } else {
            Either::Right(self.others.call(request))
        }
    }
}
