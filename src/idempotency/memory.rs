//! Records in this process: the store of a Livegate that has no other.
//!
//! At most 100,000 of them, the oldest use goes first. An example: at 25 sessions
//! a second that is an hour's worth; at one a second, all of a day's.
//!
//! A record that nothing was sent for has no place among them: however many calls
//! wait or are refused, they push nothing out. There is one for each such call, and
//! it goes with its lease.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use super::Terms;
use super::record::{IdempotencyRecord, Leaving, Owner, Sent, Taken};
use crate::model::SessionId;

/// The records. Clones are the same ones.
#[derive(Clone, Debug)]
pub(super) struct MemoryRecords {
    /// What nothing was sent for yet. Its lock is held over each step, whichever
    /// place that is about.
    taken: Arc<Mutex<HashMap<String, Kept>>>,
    sent: Cache<String, Kept>,
    terms: Terms,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    parameters: String,
    lease: Option<(Owner, Instant)>,
    sent: Option<(SystemTime, Instant)>,
    session: Option<SessionId>,
}

impl Kept {
    fn leaving(&self, now: Instant) -> Option<Leaving> {
        let (at, left) = self.sent?;
        let age = now.saturating_duration_since(left);
        Some(Leaving { at, age })
    }
}

impl MemoryRecords {
    pub(super) fn new(terms: Terms) -> Self {
        let sent = Cache::builder()
            .max_capacity(terms.most)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(terms.kept)
            .build();
        let taken = Arc::default();
        Self { taken, sent, terms }
    }

    fn with<T>(&self, record: &IdempotencyRecord, act: impl FnOnce(&mut Kept) -> T) -> T {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &record.name;
        let found = taken.remove(name).or_else(|| self.sent.get(name));
        let mut kept = found.unwrap_or_else(|| Kept {
            parameters: record.parameters.clone(),
            ..Kept::default()
        });
        let told = act(&mut kept);
        if kept.sent.is_some() {
            self.sent.insert(name.clone(), kept);
        } else if kept.lease.is_some() {
            taken.insert(name.clone(), kept);
        }
        told
    }

    pub(super) fn take(&self, record: &IdempotencyRecord, owner: &Owner, now: Instant) -> Taken {
        self.with(record, |kept| {
            if kept.parameters != record.parameters {
                return Taken::Conflict;
            }
            let leaving = kept.leaving(now);
            if let (Some(session), Some(leaving)) = (kept.session, leaving) {
                return Taken::Issued(session, leaving);
            }
            match &kept.lease {
                Some((holder, until)) if holder != owner && *until > now => Taken::Held,
                _ => {
                    kept.lease = Some((owner.clone(), now + self.terms.lease));
                    Taken::Ours(leaving)
                }
            }
        })
    }

    pub(super) fn note_sent(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        at: SystemTime,
        now: Instant,
    ) -> Leaving {
        self.with(record, |kept| {
            kept.lease = Some((owner.clone(), now + self.terms.lease));
            let (at, left) = *kept.sent.get_or_insert((at, now));
            let age = now.saturating_duration_since(left);
            Leaving { at, age }
        })
    }

    pub(super) fn note_issued(&self, record: &IdempotencyRecord, session: SessionId, sent: Sent) {
        self.with(record, |kept| {
            kept.session.get_or_insert(session);
            kept.sent.get_or_insert((sent.at, Instant::now()));
            kept.lease = None;
        });
    }

    pub(super) fn release(&self, record: &IdempotencyRecord, owner: &Owner) {
        self.with(record, |kept| {
            kept.lease.take_if(|(holder, _)| holder == owner);
        });
    }
}
