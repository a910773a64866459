//! The backends of the records: memory or Redis.
//!
//! The choice is made at startup, so this is an enum instead of a trait. One test suite runs
//! against both.

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Retention;
use super::memory::MemoryBackend;
use super::record::{FirstSent, RecordKey, RecordState, RecordedSend};
use super::redis::RedisBackend;
use crate::model::{Clock, SessionId};
use crate::store::{Store, StoreError};

/// Where records are kept. Clones share them.
#[derive(Clone, Debug)]
pub(super) enum RecordBackend {
    Memory(MemoryBackend),
    Redis(RedisBackend),
}

impl RecordBackend {
    pub(super) fn in_memory(retention: Retention) -> Self {
        Self::Memory(MemoryBackend::new(retention))
    }

    pub(super) fn shared(store: Store, retention: Retention, clock: Clock) -> Self {
        Self::Redis(RedisBackend::new(store, retention, clock))
    }

    /// Reads the state of a record.
    pub(super) async fn read(&self, key: &RecordKey) -> Result<RecordState, StoreError> {
        match self {
            Self::Memory(backend) => Ok(backend.read(key, Instant::now())),
            Self::Redis(backend) => backend.read(key).await,
        }
    }

    /// Acquires the lease on a record and records the attempt `sent`, unless the lease is
    /// held or the session exists. Returns [`RecordState::Free`] with the first attempt if
    /// the lease is acquired.
    pub(super) async fn claim(
        &self,
        key: &RecordKey,
        sent: RecordedSend,
    ) -> Result<RecordState, StoreError> {
        match self {
            Self::Memory(backend) => Ok(backend.claim(key, sent, Instant::now())),
            Self::Redis(backend) => backend.claim(key, sent).await,
        }
    }

    /// Records the session and releases the lease.
    pub(super) async fn record_issued(
        &self,
        key: &RecordKey,
        session: SessionId,
        sent: FirstSent,
    ) -> Result<(), StoreError> {
        match self {
            Self::Memory(backend) => {
                backend.record_issued(key, session, sent);
                Ok(())
            }
            Self::Redis(backend) => backend.record_issued(key, session, sent).await,
        }
    }

    /// Releases the lease in the background.
    pub(super) fn release(&self, key: &RecordKey) {
        match self {
            Self::Memory(backend) => backend.release(key),
            Self::Redis(backend) => {
                let (backend, key) = (backend.clone(), key.clone());
                // Without a runtime the lease expires instead.
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(async move {
                        let _ = backend.release(&key).await;
                    });
                }
            }
        }
    }
}
