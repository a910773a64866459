//! The port: what any store of records does, whichever it is.
//!
//! Which one it is is settled at the start, so this is an enum. One suite of tests
//! runs against both.

use std::time::SystemTime;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Terms;
use super::memory::MemoryRecords;
use super::record::{IdempotencyRecord, Leaving, Owner, Sent, Taken};
use super::redis::RedisRecords;
use crate::model::SessionId;
use crate::store::{Store, StoreError};

/// Where records are kept. Clones are the same place.
#[derive(Clone, Debug)]
pub(super) enum Records {
    Memory(MemoryRecords),
    Redis(RedisRecords),
}

impl Records {
    pub(super) fn in_memory(terms: Terms) -> Self {
        Self::Memory(MemoryRecords::new(terms))
    }

    pub(super) fn shared(store: Store, terms: Terms) -> Self {
        Self::Redis(RedisRecords::new(store, terms))
    }

    /// Takes the claim for `owner`, or says who was there before.
    pub(super) async fn take(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
    ) -> Result<Taken, StoreError> {
        match self {
            Self::Memory(records) => Ok(records.take(record, owner, Instant::now())),
            Self::Redis(records) => records.take(record, owner).await,
        }
    }

    /// An attempt leaves, and is the first one unless there was one before; the
    /// answer says which counts.
    pub(super) async fn note_sent(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        at: SystemTime,
    ) -> Result<Leaving, StoreError> {
        match self {
            Self::Memory(records) => Ok(records.note_sent(record, owner, at, Instant::now())),
            Self::Redis(records) => records.note_sent(record, owner, at).await,
        }
    }

    /// The session is there.
    pub(super) async fn note_issued(
        &self,
        record: &IdempotencyRecord,
        session: SessionId,
        sent: Sent,
    ) -> Result<(), StoreError> {
        match self {
            Self::Memory(records) => {
                records.note_issued(record, session, sent);
                Ok(())
            }
            Self::Redis(records) => records.note_issued(record, session, sent).await,
        }
    }

    /// Gives the claim up, soon: nobody waits for it. What was never sent is not
    /// kept.
    pub(super) fn release(&self, record: &IdempotencyRecord, owner: &Owner) {
        match self {
            Self::Memory(records) => records.release(record, owner),
            Self::Redis(records) => {
                let (records, owner) = (records.clone(), owner.clone());
                let record = record.clone();
                // Where the runtime is gone, the lease ends by itself.
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(async move {
                        let _ = records.release(&record, &owner).await;
                    });
                }
            }
        }
    }
}
