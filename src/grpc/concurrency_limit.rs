//! The limit of concurrent requests in the whole process.
//!
//! For example, with a limit of 10,000 the 10,001st request of a session fails at once,
//! and a health check beside it is answered, because it counts against another limit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
}

impl ConcurrencyLimit for ProcessLimits {
    fn try_acquire(&self, path: &str) -> Result<OwnedSemaphorePermit, ConcurrencyLimitExceeded> {
        let semaphore = if path.starts_with(LIVEGATE_PREFIX) {
            &self.sessions
        } else {
            &self.others
        };
        let limit = self.limit;
        let permit = semaphore.clone().try_acquire_owned();
        permit.map_err(|_| ConcurrencyLimitExceeded { limit })
    }
}
