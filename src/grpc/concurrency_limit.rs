//! The limit of concurrent requests in the whole process.
//!
//! For example, with a limit of 10,000 the 10,001st request of a session fails at once,
//! and a health check beside it is answered, because it counts against another limit. A
//! request that is not gRPC is refused without counting.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::http_refusal;
use super::method::LIVEGATE_PREFIX;
use crate::transport::{ConcurrencyLimit, ConcurrencyLimitExceeded, TransportLimits};

/// Two limits of the same size: one for sessions, one for health and reflection.
#[derive(Clone, Debug)]
pub(super) struct ProcessLimits {
    limit: u32,
    sessions: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl ProcessLimits {
    pub(super) fn new(limits: &TransportLimits) -> Self {
        let limit = limits.max_concurrent_requests.get();
        let semaphore = || Arc::new(Semaphore::new(limit as usize));
        Self {
            limit,
            sessions: semaphore(),
            others: semaphore(),
        }
    }

    fn acquire<B>(
        &self,
        request: &Request<B>,
    ) -> Result<Option<OwnedSemaphorePermit>, ConcurrencyLimitExceeded> {
        if http_refusal::refusal_status(request).is_some() {
            return Ok(None);
        }
        let semaphore = if request.uri().path().starts_with(LIVEGATE_PREFIX) {
            &self.sessions
        } else {
            &self.others
        };
        let limit = self.limit;
        let permit = semaphore.clone().try_acquire_owned().map(Some);
        permit.map_err(|_| ConcurrencyLimitExceeded { limit })
    }
}

impl ConcurrencyLimit for ProcessLimits {
    fn try_acquire(
        &self,
        request: &Request<Incoming>,
    ) -> Result<Option<OwnedSemaphorePermit>, ConcurrencyLimitExceeded> {
        self.acquire(request)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http::header::CONTENT_TYPE;

    use super::*;

    fn request(method: Method, content_type: &str) -> Request<()> {
        let request = Request::builder()
            .method(method)
            .uri("/livegate.v1.SessionService/CreateSession")
            .header(CONTENT_TYPE, content_type);
        request.body(()).expect("a valid request")
    }

    #[test]
    fn a_request_that_is_not_grpc_does_not_count() {
        let limits = ProcessLimits::new(&TransportLimits {
            max_concurrent_requests: std::num::NonZeroU32::MIN,
            ..TransportLimits::default()
        });
        let grpc = request(Method::POST, "application/grpc");
        for other in [
            request(Method::GET, "application/grpc"),
            request(Method::POST, "text/plain"),
        ] {
            assert!(limits.acquire(&other).expect("it is not limited").is_none());
        }
        let permit = limits.acquire(&grpc).expect("it is the first");
        assert!(permit.is_some() && limits.acquire(&grpc).is_err());
        let other = limits.acquire(&request(Method::GET, ""));
        assert!(other.expect("it is not limited").is_none());
    }
}
