//! How many calls there are at once in the whole process.
//!
//! An example: with a limit of 10,000 the 10,001st call is refused at once, and a
//! health check beside it is answered, for it has places of another kind.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::transport::{ConcurrencyLimit, ConcurrencyLimitExceeded, TransportLimits};

/// The services whose calls share the places of sessions.
pub(super) const OURS: &str = "/livegate.v1.";

/// Two limits of the same size. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    limit: u32,
    sessions: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl InFlight {
    pub(super) fn new(limits: &TransportLimits) -> Self {
        let limit = limits.max_concurrent_requests.get();
        let semaphore = || Arc::new(Semaphore::new(limit as usize));
        Self {
            limit,
            sessions: semaphore(),
            others: semaphore(),
        }
    }
}

impl ConcurrencyLimit for InFlight {
    fn try_acquire(&self, path: &str) -> Result<OwnedSemaphorePermit, ConcurrencyLimitExceeded> {
        let semaphore = if path.starts_with(OURS) {
            &self.sessions
        } else {
            &self.others
        };
        let limit = self.limit;
        let permit = semaphore.clone().try_acquire_owned();
        permit.map_err(|_| ConcurrencyLimitExceeded { limit })
    }
}
