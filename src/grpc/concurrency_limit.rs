//! The limits of concurrent requests: of the process, and of connections and callers in it.
//!
//! Sessions on the one side, health and reflection on the other have separate limits, so that
//! neither can block the other. A request for a session counts once its caller is known. Until
//! then it counts in no limit, so a flood takes nothing from other callers while it waits for
//! its authentication.
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

use http::Extensions;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::call::Call;
use super::method::response_kind;
use super::request_body::HeldBytes;
use crate::auth::AuthMethod;
use crate::model::CallerId;
use crate::transport::{
    ByteCount, Peer, RequestCount, RequestPermit, ResponseKind, ResponseState, TransportLimits,
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
    callers: Mutex<Callers>,
}

/// The callers with requests in progress, and some without.
#[derive(Debug, Default)]
struct Callers {
    counts: HashMap<CallerId, CallerCounts>,
    /// How many were left when those without requests were forgotten last.
    kept: usize,
}

/// The requests of a caller, and the bytes of those that are unfinished.
#[derive(Clone, Debug, Default)]
struct CallerCounts {
    requests: RequestCount,
    unfinished: ByteCount,
}

/// A request is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConcurrencyLimitExceeded {
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

    /// Counts `call` until its stream ends, and returns the counts for its bytes. Without
    /// authentication all callers are one, which needs no share.
    pub(super) fn admit(
        &self,
        call: &Call,
        extensions: &Extensions,
    ) -> Result<HeldBytes, ConcurrencyLimitExceeded> {
        let mut held = HeldBytes::default();
        if let Some(peer) = extensions.get::<Peer>() {
            held.connection = peer.unfinished.clone();
        }
        held.process = self.unfinished.clone();
        let permit = if call.auth_method == AuthMethod::None {
            RequestPermit::new(Some(self.permit_of(&self.sessions)?), None)
        } else {
            let (permit, bytes) = self.admit_caller(&call.caller)?;
            held.caller = bytes;
            permit
        };
        hold(permit, extensions);
        Ok(held)
    }

    fn admit_caller(
        &self,
        caller: &CallerId,
    ) -> Result<(RequestPermit, ByteCount), ConcurrencyLimitExceeded> {
        let mut callers = self.callers.lock();
        let permit = self.permit_of(&self.sessions)?;
        callers.forget_idle();
        let counts = callers.counts.entry(caller.clone()).or_default();
        let limit = counts.requests.in_progress();
        let free = self.sessions.available_permits();
        if limit > free {
            return Err(ConcurrencyLimitExceeded::Caller { limit, free });
        }
        let permit = RequestPermit::new(Some(permit), Some(counts.requests.clone()));
        Ok((permit, counts.unfinished.clone()))
    }

    /// Counts a request for `path`, which needs no authentication, until its stream ends.
    pub(super) fn admit_unauthenticated(
        &self,
        path: &str,
        extensions: &Extensions,
    ) -> Result<(), ConcurrencyLimitExceeded> {
        let peer = extensions.get::<Peer>().cloned().unwrap_or_default();
        hold(self.permit_for(path, &peer.unauthenticated)?, extensions);
        Ok(())
    }

    fn permit_for(
        &self,
        path: &str,
        connection: &RequestCount,
    ) -> Result<RequestPermit, ConcurrencyLimitExceeded> {
        let is_streaming = response_kind(path) == ResponseKind::Streaming;
        let limit = match is_streaming {
            true => MAX_STREAMING_PER_CONNECTION,
            false => MAX_OTHERS_PER_CONNECTION,
        };
        // The clone counts this request at once, whichever thread counts another one.
        let count = connection.clone();
        if count.in_progress() > limit {
            return Err(ConcurrencyLimitExceeded::Connection { limit });
        }
        let permit = match is_streaming {
            true => None,
            false => Some(self.permit_of(&self.others)?),
        };
        Ok(RequestPermit::new(permit, Some(count)))
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

impl Callers {
    /// Forgets those without requests, each time that their number has doubled.
    fn forget_idle(&mut self) {
        if self.counts.len() >= (2 * self.kept).max(MIN_CALLERS_TO_CLEAN) {
            self.counts
                .retain(|_, counts| counts.requests.in_progress() > 0);
            self.kept = self.counts.len();
        }
    }
}

/// The transport drops `permit` when the stream ends.
fn hold(permit: RequestPermit, extensions: &Extensions) {
    if let Some(response) = extensions.get::<ResponseState>() {
        response.hold(permit);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const CHECK: &str = "/grpc.health.v1.Health/Check";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";

    fn limits(max_concurrent_requests: u32) -> ProcessLimits {
        ProcessLimits::new(&TransportLimits {
            max_concurrent_requests: NonZeroU32::new(max_concurrent_requests).expect("not zero"),
            ..TransportLimits::default()
        })
    }

    /// Acquires permits for one connection until one is refused.
    fn hold(limits: &ProcessLimits, path: &str) -> Vec<RequestPermit> {
        let connection = RequestCount::default();
        let permit = || limits.permit_for(path, &connection).ok();
        std::iter::from_fn(permit).collect()
    }

    #[test]
    fn a_connection_has_few_requests_that_need_no_authentication() {
        let limits = limits(10_000);
        let connections: Vec<_> = (0..100)
            .map(|_| (hold(&limits, WATCH), hold(&limits, CHECK)))
            .collect();
        let lengths = |held: &(Vec<_>, Vec<_>)| (held.0.len(), held.1.len());
        assert!(connections.iter().all(|held| lengths(held) == (4, 16)));
        assert_eq!(limits.sessions.available_permits(), 10_000);
        drop(connections);
        assert_eq!(limits.others.available_permits(), 10_000);
    }

    #[test]
    fn watches_leave_room_for_checks_on_the_same_connection() {
        let (limits, connection) = (limits(10_000), RequestCount::default());
        let acquire = |path| limits.permit_for(path, &connection);
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
            let next = || limits.admit_caller(caller).ok();
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
                .admit_caller(&caller)
                .expect("nothing is in progress");
        }
        assert!(limits.callers.lock().counts.len() <= MIN_CALLERS_TO_CLEAN);
    }
}
