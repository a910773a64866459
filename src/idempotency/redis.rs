//! Records in the store that replicas share.
//!
//! One hash for each request id, `PREFIX:claim:{NAME}`, in one hash slot; its
//! fields: `p` parameters, `o` owner, `l` end of the lease, `t` when the first
//! attempt left (all by the store's clock, in milliseconds), `w` the same by the
//! sender's wall clock (nanoseconds, only carried), `s` the session, sealed.
//!
//! An example: replica A takes a claim at 12:00:00 and dies. B is told `held` until
//! 12:00:05, when the lease ends, and then `ours`; had A's attempt left, B is told
//! when, and dates the session from then.
//!
//! A claim that nothing was sent for goes with its lease. Each step is one script,
//! one round trip.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Script;
use tokio::time::Instant;

use super::Terms;
use super::record::{IdempotencyRecord, Leaving, Owner, Sent, Taken};
use crate::model::SessionId;
use crate::store::{Store, StoreError};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/take.lua")));
static SENT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/sent.lua")));
static ISSUED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/issued.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/release.lua")));

/// The records. Clones are the same ones.
#[derive(Clone, Debug)]
pub(super) struct RedisRecords {
    store: Store,
    terms: Terms,
}

impl RedisRecords {
    pub(super) fn new(store: Store, terms: Terms) -> Self {
        Self { store, terms }
    }

    pub(super) async fn take(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
    ) -> Result<Taken, StoreError> {
        let mut script = TAKE.key(self.key(record));
        let script = script
            .arg(&record.parameters)
            .arg(&owner.0)
            .arg(millis(self.terms.lease));
        let (state, age, wall, sealed): (String, i64, String, String) =
            self.store.run("claim", script).await?;
        let leaving = leaving(age, &wall);
        match (state.as_str(), leaving) {
            ("ours", leaving) => Ok(Taken::Ours(leaving)),
            ("held", _) => Ok(Taken::Held),
            ("conflict", _) => Ok(Taken::Conflict),
            // A seal that does not open is no session: AWS knows which it was.
            ("issued", Some(leaving)) => Ok(match record.seal.open(&sealed) {
                Some(session) => Taken::Issued(session, leaving),
                None => Taken::Ours(Some(leaving)),
            }),
            _ => Err(StoreError::Failed(format!("a claim in state {state:?}"))),
        }
    }

    pub(super) async fn note_sent(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        at: SystemTime,
    ) -> Result<Leaving, StoreError> {
        let mut script = SENT.key(self.key(record));
        let script = script
            .arg(&record.parameters)
            .arg(&owner.0)
            .arg(nanos(at))
            .arg(millis(self.terms.lease))
            .arg(millis(self.terms.kept));
        let (age, wall): (i64, String) = self.store.run("sent", script).await?;
        leaving(age, &wall).ok_or_else(|| StoreError::Failed("a claim without a date".to_owned()))
    }

    pub(super) async fn note_issued(
        &self,
        record: &IdempotencyRecord,
        session: SessionId,
        sent: Sent,
    ) -> Result<(), StoreError> {
        let Some(sealed) = record.seal.close(&session) else {
            return Err(StoreError::Failed("no randomness to seal with".to_owned()));
        };
        let mut script = ISSUED.key(self.key(record));
        let script = script
            .arg(&record.parameters)
            .arg(sealed)
            .arg(nanos(sent.at))
            .arg(millis(sent.age(Instant::now())))
            .arg(millis(self.terms.kept));
        self.store.run("issued", script).await
    }

    pub(super) async fn release(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
    ) -> Result<(), StoreError> {
        let mut script = RELEASE.key(self.key(record));
        self.store.run("release", script.arg(&owner.0)).await
    }

    fn key(&self, record: &IdempotencyRecord) -> String {
        self.store.key("claim", &record.name)
    }
}

/// `None` where no attempt has left: the age is below zero.
fn leaving(age: i64, wall: &str) -> Option<Leaving> {
    let age = Duration::from_millis(u64::try_from(age).ok()?);
    let at = UNIX_EPOCH.checked_add(Duration::from_nanos(wall.parse().ok()?))?;
    Some(Leaving { at, age })
}

fn nanos(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

fn millis(span: Duration) -> String {
    span.as_millis().to_string()
}
