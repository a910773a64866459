//! The backends of the records: memory or Redis.
//!
//! The choice is made at startup, so this is an enum instead of a trait. One test suite runs
//! against both.

use std::time::SystemTime;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Retention;
use super::memory::MemoryBackend;
use super::record::{AcquireReply, FirstSent, IdempotencyRecord, Owner, RecordedSend};
use super::redis::RedisBackend;
use crate::model::SessionId;
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

    pub(super) fn shared(store: Store, retention: Retention) -> Self {
        Self::Redis(RedisBackend::new(store, retention))
    }

    /// Acquires the lease on `record` for `owner`, unless it is held or the session exists.
    pub(super) async fn acquire(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
    ) -> Result<AcquireReply, StoreError> {
        match self {
            Self::Memory(backend) => Ok(backend.acquire(record, owner, Instant::now())),
            Self::Redis(backend) => backend.acquire(record, owner).await,
        }
    }

    /// Records an attempt, unless one was recorded before. Returns the first one.
    pub(super) async fn record_sent(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        at: SystemTime,
    ) -> Result<RecordedSend, StoreError> {
        match self {
            Self::Memory(backend) => Ok(backend.record_sent(record, owner, at, Instant::now())),
            Self::Redis(backend) => backend.record_sent(record, owner, at).await,
        }
    }

    /// Records the session and releases the lease.
    pub(super) async fn record_issued(
        &self,
        record: &IdempotencyRecord,
        session: SessionId,
        sent: FirstSent,
    ) -> Result<(), StoreError> {
        match self {
            Self::Memory(backend) => {
                backend.record_issued(record, session, sent);
                Ok(())
            }
            Self::Redis(backend) => backend.record_issued(record, session, sent).await,
        }
    }

    /// Releases the lease in the background. Deletes a record without an attempt.
    pub(super) fn release(&self, record: &IdempotencyRecord, owner: &Owner) {
        match self {
            Self::Memory(backend) => backend.release(record, owner),
            Self::Redis(backend) => {
                let (backend, owner) = (backend.clone(), owner.clone());
                let record = record.clone();
                // Without a runtime the lease expires instead.
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(async move {
                        let _ = backend.release(&record, &owner).await;
                    });
                }
            }
        }
    }
}
