//! The interface to the layer above: the service that answers requests, and its limit of
//! concurrent requests.

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

/// Limits the requests that are in progress in the whole process.
pub(crate) trait ConcurrencyLimit: Send + Sync + 'static {
    /// Returns a permit for `request`, which the transport holds until the stream ends, or
    /// `None` if the request does not count. `connection` counts those of its connection.
    fn try_acquire(
        &self,
        request: &Request<Incoming>,
        connection: &RequestCount,
    ) -> Result<Option<RequestPermit>, ConcurrencyLimitExceeded>;
}

/// Permits one request until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestPermit {
    _process: Option<OwnedSemaphorePermit>,
    _connection: Option<RequestCount>,
}

impl RequestPermit {
    /// Returns a permit that holds one of the process, and counts in `connection`.
    pub(crate) fn new(
        process: Option<OwnedSemaphorePermit>,
        connection: Option<RequestCount>,
    ) -> Self {
        Self {
            _process: process,
            _connection: connection,
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

/// A request is beyond a limit. It is among the extensions of a request without a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConcurrencyLimitExceeded {
    /// The process has as many requests as it may have.
    #[error("{limit} requests are in progress, the limit of this replica")]
    Process { limit: usize },
    /// The connection has as many requests for health or reflection as it may have.
    #[error("{limit} health or reflection requests of this connection are in progress, its limit")]
    Connection { limit: usize },
    /// The caller has as many requests as it may have while no more than `free` fit.
    #[error("{limit} requests of this caller are in progress, its share while {free} more fit")]
    Caller { limit: usize, free: usize },
    /// The unfinished requests of the connection or the caller hold as many bytes as they may.
    #[error("unfinished requests of this {of} would hold more than {limit} bytes")]
    Bytes { of: &'static str, limit: usize },
}
