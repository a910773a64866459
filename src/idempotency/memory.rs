//! Records in this process, for a deployment without a store.
//!
//! At most 100,000 records are kept; the least recently used one is evicted first. That is
//! more than an hour of records at 25 sessions per second, and a day at one per second.
//!
//! Records without an attempt are stored separately, so requests that wait or are refused
//! evict no sessions. There is one for each waiting request, and it is deleted with its
//! lease.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use super::Retention;
use super::record::{AcquireReply, FirstSent, IdempotencyRecord, Owner, RecordedSend};
use crate::model::SessionId;

/// The records. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct MemoryBackend {
    /// The records without an attempt. Each operation holds this lock, also while it uses
    /// `sent`.
    leased: Arc<Mutex<HashMap<String, MemoryRecord>>>,
    sent: Cache<String, MemoryRecord>,
    retention: Retention,
}

#[derive(Clone, Debug, Default)]
struct MemoryRecord {
    parameters: String,
    lease: Option<(Owner, Instant)>,
    sent: Option<(SystemTime, Instant)>,
    session: Option<SessionId>,
}

impl MemoryRecord {
    fn recorded_send(&self, now: Instant) -> Option<RecordedSend> {
        let (at, sent) = self.sent?;
        let age = now.saturating_duration_since(sent);
        Some(RecordedSend { at, age })
    }
}

impl MemoryBackend {
    pub(super) fn new(retention: Retention) -> Self {
        let sent = Cache::builder()
            .max_capacity(retention.max_entries)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(retention.record)
            .build();
        let leased = Arc::default();
        Self {
            leased,
            sent,
            retention,
        }
    }

    /// Applies `change` to the stored state of `record`, which is created if missing.
    fn update<T>(
        &self,
        record: &IdempotencyRecord,
        change: impl FnOnce(&mut MemoryRecord) -> T,
    ) -> T {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &record.name;
        let found = leased.remove(name).or_else(|| self.sent.get(name));
        let mut stored = found.unwrap_or_else(|| MemoryRecord {
            parameters: record.parameters.clone(),
            ..MemoryRecord::default()
        });
        let reply = change(&mut stored);
        if stored.sent.is_some() {
            self.sent.insert(name.clone(), stored);
        } else if stored.lease.is_some() {
            leased.insert(name.clone(), stored);
        }
        reply
    }

    pub(super) fn acquire(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        now: Instant,
    ) -> AcquireReply {
        self.update(record, |stored| {
            if stored.parameters != record.parameters {
                return AcquireReply::Conflict;
            }
            let recorded = stored.recorded_send(now);
            if let (Some(session), Some(recorded)) = (stored.session, recorded) {
                return AcquireReply::Issued(session, recorded);
            }
            match &stored.lease {
                Some((holder, until)) if holder != owner && *until > now => AcquireReply::Held,
                _ => {
                    stored.lease = Some((owner.clone(), now + self.retention.lease));
                    AcquireReply::Acquired(recorded)
                }
            }
        })
    }

    pub(super) fn record_sent(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        at: SystemTime,
        now: Instant,
    ) -> RecordedSend {
        self.update(record, |stored| {
            stored.lease = Some((owner.clone(), now + self.retention.lease));
            let (at, sent) = *stored.sent.get_or_insert((at, now));
            let age = now.saturating_duration_since(sent);
            RecordedSend { at, age }
        })
    }

    pub(super) fn record_issued(
        &self,
        record: &IdempotencyRecord,
        session: SessionId,
        sent: FirstSent,
    ) {
        self.update(record, |stored| {
            stored.session.get_or_insert(session);
            stored.sent.get_or_insert((sent.at, Instant::now()));
            stored.lease = None;
        });
    }

    pub(super) fn release(&self, record: &IdempotencyRecord, owner: &Owner) {
        self.update(record, |stored| {
            stored.lease.take_if(|(holder, _)| holder == owner);
        });
    }
}
