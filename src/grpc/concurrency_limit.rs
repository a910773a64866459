//! The limits of concurrent requests: of the process, and of connections and callers in it.
//!
//! Sessions on the one side, health and reflection on the other have separate limits, so that
//! neither can block the other. A request that is not gRPC is refused without counting.
//!
//! The share of a caller is a [dynamic threshold](https://doi.org/10.1109/90.664262): a caller
//! may have as many requests in progress as still fit. For example, with a limit of 10,000 a
//! caller that has the service to itself has up to 5,000. A second one then has up to 2,500,
//! and there is always room for another.
//!
//! Health and reflection need no authentication, so there each connection has a fixed limit.
//! Watches and reflection have no end: only this limit bounds them, and the number of
//! connections.

use std::collections::HashMap;
use std::sync::Arc;

use http::{Extensions, Request};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::call::Call;
use super::http_refusal;
use super::method::{LIVEGATE_PREFIX, response_kind};
use super::request_body::HeldBytes;
use crate::auth::AuthMethod;
use crate::model::CallerId;
use crate::transport::{
    ByteCount, ConcurrencyLimit, ConcurrencyLimitExceeded, Peer, RequestCount, RequestPermit,
    ResponseKind, ResponseState, TransportLimits,
};

/// The most watches and reflection calls of a connection.
const MAX_STREAMING_PER_CONNECTION: usize = 4;

/// The most requests for health and reflection of a connection.
const MAX_OTHERS_PER_CONNECTION: usize = 16;

/// The callers beyond which those without requests are forgotten.
const MIN_CALLERS_TO_CLEAN: usize = 64;

/// The limits of the process: one for sessions, one of the same size for health and other
/// requests.
#[derive(Debug)]
pub(super) struct ProcessLimits {
    limit: usize,
    sessions: Arc<Semaphore>,
    others: Arc<Semaphore>,
    /// The bytes of unfinished requests.
    unfinished: ByteCount,
    callers: Mutex<HashMap<CallerId, CallerCounts>>,
}

/// The requests of a caller, and the bytes of those that are unfinished.
#[derive(Clone, Debug, Default)]
struct CallerCounts {
    requests: RequestCount,
    unfinished: ByteCount,
}

impl ProcessLimits {
    pub(super) fn new(limits: &TransportLimits) -> Self {
        let limit = limits.max_concurrent_requests.get() as usize;
        let semaphore = || Arc::new(Semaphore::new(limit));
        Self {
            limit,
            sessions: semaphore(),
            others: semaphore(),
            unfinished: ByteCount::default(),
            callers: Mutex::default(),
        }
    }

    /// Counts `call`, which has a permit already, in the share of its caller until its stream
    /// ends, and returns the counts for its bytes. Without authentication all callers are one,
    /// which needs no share.
    pub(super) fn count(
        &self,
        call: &Call,
        extensions: &Extensions,
    ) -> Result<HeldBytes, ConcurrencyLimitExceeded> {
        let (peer, response) = (extensions.get::<Peer>(), extensions.get::<ResponseState>());
        let mut held = HeldBytes::default();
        held.connection = peer.map(|peer| peer.unfinished.clone()).unwrap_or_default();
        held.process = self.unfinished.clone();
        if let (false, Some(response)) = (call.auth_method == AuthMethod::None, response) {
            let counts = self.count_caller(&call.caller)?;
            response.count_in(counts.requests);
            held.caller = counts.unfinished;
        }
        Ok(held)
    }

    fn count_caller(&self, caller: &CallerId) -> Result<CallerCounts, ConcurrencyLimitExceeded> {
        let mut callers = self.callers.lock();
        if callers.len() >= MIN_CALLERS_TO_CLEAN && callers.len() == callers.capacity() {
            callers.retain(|_, counts| counts.requests.in_progress() > 0);
        }
        let counts = callers.entry(caller.clone()).or_default();
        let limit = counts.requests.in_progress();
        let free = self.sessions.available_permits();
        if limit > free {
            return Err(ConcurrencyLimitExceeded::Caller { limit, free });
        }
        Ok(counts.clone())
    }

    fn acquire<B>(
        &self,
        request: &Request<B>,
        connection: &RequestCount,
    ) -> Result<Option<RequestPermit>, ConcurrencyLimitExceeded> {
        if http_refusal::refusal_status(request).is_some() {
            return Ok(None);
        }
        let path = request.uri().path();
        if path.starts_with(LIVEGATE_PREFIX) {
            let permit = self.permit_of(&self.sessions)?;
            return Ok(Some(RequestPermit::new(Some(permit), None)));
        }
        let is_streaming = response_kind(path) == ResponseKind::Streaming;
        let limit = match is_streaming {
            true => MAX_STREAMING_PER_CONNECTION,
            false => MAX_OTHERS_PER_CONNECTION,
        };
        if connection.in_progress() >= limit {
            return Err(ConcurrencyLimitExceeded::Connection { limit });
        }
        let permit = match is_streaming {
            true => None,
            false => Some(self.permit_of(&self.others)?),
        };
        Ok(Some(RequestPermit::new(permit, Some(connection.clone()))))
    }

    fn permit_of(
        &self,
        semaphore: &Arc<Semaphore>,
    ) -> Result<OwnedSemaphorePermit, ConcurrencyLimitExceeded> {
        let limit = self.limit;
        let permit = semaphore.clone().try_acquire_owned();
        permit.map_err(|_| ConcurrencyLimitExceeded::Process { limit })
    }
}

impl ConcurrencyLimit for ProcessLimits {
    fn try_acquire(
        &self,
        request: &Request<Incoming>,
        connection: &RequestCount,
    ) -> Result<Option<RequestPermit>, ConcurrencyLimitExceeded> {
        self.acquire(request, connection)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use http::Method;
    use http::header::CONTENT_TYPE;

    use super::*;

    const CREATE: &str = "/livegate.v1.SessionService/CreateSession";
    const CHECK: &str = "/grpc.health.v1.Health/Check";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";

    fn limits(max_concurrent_requests: u32) -> ProcessLimits {
        ProcessLimits::new(&TransportLimits {
            max_concurrent_requests: NonZeroU32::new(max_concurrent_requests).expect("not zero"),
            ..TransportLimits::default()
        })
    }

    fn request(method: Method, path: &str, content_type: &str) -> Request<()> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, content_type);
        request.body(()).expect("a valid request")
    }

    /// Acquires permits for one connection until one is refused.
    fn hold(limits: &ProcessLimits, path: &str) -> Vec<RequestPermit> {
        let connection = RequestCount::default();
        let grpc = request(Method::POST, path, "application/grpc");
        let permit = || limits.acquire(&grpc, &connection).ok().flatten();
        std::iter::from_fn(permit).collect()
    }

    #[test]
    fn a_request_that_is_not_grpc_does_not_count() {
        let (limits, connection) = (limits(1), RequestCount::default());
        for other in [
            request(Method::GET, CREATE, "application/grpc"),
            request(Method::POST, CREATE, "text/plain"),
        ] {
            let permit = limits.acquire(&other, &connection);
            assert!(permit.expect("it is not limited").is_none());
        }
        assert_eq!(hold(&limits, CREATE).len(), 1);
        let _permit = hold(&limits, CREATE);
        let other = limits.acquire(&request(Method::GET, CREATE, ""), &connection);
        assert!(other.expect("it is not limited").is_none());
    }

    #[test]
    fn a_connection_has_few_requests_that_need_no_authentication() {
        let limits = limits(10_000);
        let connections: Vec<_> = (0..100)
            .map(|_| (hold(&limits, WATCH), hold(&limits, CHECK)))
            .collect();
        let lengths = |held: &(Vec<_>, Vec<_>)| (held.0.len(), held.1.len());
        assert!(connections.iter().all(|held| lengths(held) == (4, 16)));
        assert_eq!(hold(&limits, CREATE).len(), 10_000);
        drop(connections);
        assert_eq!(limits.others.available_permits(), 10_000);
    }

    #[test]
    fn watches_leave_room_for_checks_on_the_same_connection() {
        let (limits, connection) = (limits(10_000), RequestCount::default());
        let acquire = |path| {
            let request = request(Method::POST, path, "application/grpc");
            limits.acquire(&request, &connection)
        };
        let _watches = [(); 4].map(|()| acquire(WATCH).expect("it is below the limit"));
        let limit = MAX_STREAMING_PER_CONNECTION;
        let exceeded = ConcurrencyLimitExceeded::Connection { limit };
        assert_eq!(acquire(WATCH).err(), Some(exceeded));
        assert!(acquire(CHECK).is_ok());
    }

    #[test]
    fn callers_that_hold_all_they_can_leave_room_for_another() {
        let limits = limits(10_000);
        let caller = |number| CallerId::new(&format!("caller-{number}")).expect("a valid name");
        let hold = |caller: &CallerId| {
            let next = || {
                let permit = limits.permit_of(&limits.sessions).ok()?;
                Some((permit, limits.count_caller(caller).ok()?))
            };
            std::iter::from_fn(next).collect::<Vec<_>>()
        };
        let first = hold(&caller(1));
        assert_eq!(first.len(), 5000);
        let second = hold(&caller(2));
        assert_eq!(second.len(), 2500);
        assert_eq!(hold(&caller(3)).len(), 1250);
        drop((first, second));
        assert_eq!(hold(&caller(2)).len(), 5000);
    }

    #[test]
    fn callers_without_requests_are_forgotten() {
        let limits = limits(10_000);
        for number in 0..10_000 {
            let caller = CallerId::new(&format!("caller-{number}")).expect("a valid name");
            limits
                .count_caller(&caller)
                .expect("nothing is in progress");
        }
        assert!(limits.callers.lock().len() < 200);
    }
}
