//! The interface to the layer above: the service that answers requests, and what it counts of
//! them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Permits one request until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestPermit {
    _process: Option<OwnedSemaphorePermit>,
    _count: Option<RequestCount>,
}

impl RequestPermit {
    /// Returns a permit that holds one of the process, and counts in `count`.
    pub(crate) fn new(process: Option<OwnedSemaphorePermit>, count: Option<RequestCount>) -> Self {
        Self {
            _process: process,
            _count: count,
        }
    }
}

/// Counts requests of one connection or caller: each of them has a clone until it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestCount(Arc<()>);

impl RequestCount {
    /// Returns the number of clones.
    pub(crate) fn in_progress(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Counts bytes of one connection, one caller, or all. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByteCount(Arc<AtomicUsize>);

impl ByteCount {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}
