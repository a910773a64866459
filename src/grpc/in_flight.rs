//! How many calls there are at once in the whole process.
//!
//! An example: with a limit of 10,000 the 10,001st call is refused at once, and a
//! health check beside it is answered, for it has places of another kind.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::transport::EdgeLimits;

/// The services whose calls share the places of sessions.
pub(crate) const OURS: &str = "/livegate.v1.";

/// The places for calls. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    sessions: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

/// Among a request's extensions: there was no place for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoPlace {
    pub(crate) limit: u32,
}

impl InFlight {
    pub(crate) fn new(limits: &EdgeLimits) -> Self {
        let places = || Arc::new(Semaphore::new(limits.max_concurrent_requests.get() as usize));
        Self {
            sessions: places(),
            others: places(),
        }
    }

    /// A place for a call of `path`, given back when dropped.
    pub(crate) fn enter(&self, path: &str) -> Option<OwnedSemaphorePermit> {
        let places = if path.starts_with(OURS) {
            &self.sessions
        } else {
            &self.others
        };
        places.clone().try_acquire_owned().ok()
    }
}
