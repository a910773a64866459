//! Records in this process, for a deployment without a store.
//!
//! At most 100,000 records are kept; the least recently used one is evicted first. That is
//! more than an hour of records at 25 sessions per second, and a day at one per second. A
//! record is created by an attempt, so requests that wait or are refused evict no sessions.

use std::time::SystemTime;

use moka::Entry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use super::Retention;
use super::record::{FirstSent, Owner, RecordKey, RecordState, RecordedSend};
use crate::model::SessionId;

/// The records. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct MemoryBackend {
    records: Cache<String, MemoryRecord>,
    retention: Retention,
}

#[derive(Clone, Debug)]
struct MemoryRecord {
    parameters: String,
    lease: Option<(Owner, Instant)>,
    sent: (SystemTime, Instant),
    session: Option<SessionId>,
}

impl MemoryRecord {
    fn new(key: &RecordKey, sent: RecordedSend, now: Instant) -> Self {
        Self {
            parameters: key.parameters.clone(),
            lease: None,
            sent: (sent.at, now.checked_sub(sent.age).unwrap_or(now)),
            session: None,
        }
    }

    fn state(&self, key: &RecordKey, now: Instant) -> RecordState {
        let (at, sent) = self.sent;
        let age = now.saturating_duration_since(sent);
        let recorded = RecordedSend { at, age };
        if self.parameters != key.parameters {
            return RecordState::Conflict;
        }
        if let Some(session) = self.session {
            return RecordState::Issued(session, recorded);
        }
        let lease = self.lease.as_ref();
        let is_held = lease.is_some_and(|(holder, until)| *holder != key.owner && *until > now);
        RecordState::unless_held(is_held, Some(recorded))
    }
}

impl MemoryBackend {
    pub(super) fn new(retention: Retention) -> Self {
        let records = Cache::builder()
            .max_capacity(retention.max_entries)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(retention.record)
            .build();
        Self { records, retention }
    }

    pub(super) fn read(&self, key: &RecordKey, now: Instant) -> RecordState {
        let stored = self.records.get(&key.name);
        stored.map_or(RecordState::Free(None), |stored| stored.state(key, now))
    }

    pub(super) fn claim(&self, key: &RecordKey, sent: RecordedSend, now: Instant) -> RecordState {
        let until = now + self.retention.lease;
        let claimed = self.change(key, Some(sent), |stored| {
            let state = stored.state(key, now);
            if let RecordState::Free(_) = state {
                stored.lease = Some((key.owner.clone(), until));
            }
            state
        });
        claimed.unwrap_or(RecordState::Free(None))
    }

    pub(super) fn record_issued(&self, key: &RecordKey, session: SessionId, sent: FirstSent) {
        let sent = sent.recorded(Instant::now());
        self.change(key, Some(sent), |stored| {
            if stored.session.is_none() {
                // The clock may have been corrected since the claim.
                *stored = MemoryRecord {
                    session: Some(session),
                    ..MemoryRecord::new(key, sent, Instant::now())
                };
            }
            stored.lease = None;
        });
    }

    pub(super) fn release(&self, key: &RecordKey) {
        self.change(key, None, |stored| {
            stored.lease.take_if(|(holder, _)| *holder == key.owner);
        });
    }

    /// Applies `change` to a record. If it is missing, creates it from `sent`.
    fn change<T>(
        &self,
        key: &RecordKey,
        sent: Option<RecordedSend>,
        change: impl FnOnce(&mut MemoryRecord) -> T,
    ) -> Option<T> {
        let mut changed = None;
        let entry = self.records.entry_by_ref(&key.name);
        entry.and_compute_with(|stored| {
            let new = || Some(MemoryRecord::new(key, sent?, Instant::now()));
            let Some(mut stored) = stored.map(Entry::into_value).or_else(new) else {
                return Op::Nop;
            };
            changed = Some(change(&mut stored));
            Op::Put(stored)
        });
        changed
    }
}
