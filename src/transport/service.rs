//! The interface to the layer above: the service that answers requests, and its limit of
//! concurrent requests.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

/// The body of a response.
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// Any error of a body.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A [`tower::Service`] that answers HTTP requests: an alias for its bounds.
pub(crate) trait RequestService:
    tower::Service<
        Request<Incoming>,
        Response = Response<ResponseBody>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> RequestService for S where
    S: tower::Service<
            Request<Incoming>,
            Response = Response<ResponseBody>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// Limits the requests that are in progress in the whole process.
pub(crate) trait ConcurrencyLimit: Send + Sync + 'static {
    /// Returns a permit for `request`, which the transport holds until the stream ends, or
    /// `None` if the request does not count.
    fn try_acquire(
        &self,
        request: &Request<Incoming>,
    ) -> Result<Option<OwnedSemaphorePermit>, ConcurrencyLimitExceeded>;
}

/// The process has as many requests as it may have. It is among the extensions of a
/// request without a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} requests are in progress, the limit of this replica")]
pub(crate) struct ConcurrencyLimitExceeded {
    pub(crate) limit: u32,
}
