//! Records in Redis or Valkey, which all replicas share.
//!
//! Each request id has one hash, `PREFIX:claim:{NAME}`, with these fields:
//!
//! | field | value |
//! | --- | --- |
//! | `p` | digest of the parameters |
//! | `o` | owner of the lease |
//! | `l` | end of the lease, by the store's clock in ms |
//! | `t` | when the first attempt was sent, by the store's clock in ms |
//! | `w` | the same by the sender's wall clock in ns |
//! | `s` | the encrypted session id |
//!
//! For example, replica A acquires a lease at 12:00:00 and dies. Replica B receives `held`
//! until the lease expires at 12:00:05, and then `acquired`. If A sent an attempt, the reply
//! contains its time, and B computes the session's expiry from it.
//!
//! A record without an attempt expires with its lease. Each operation is one script and one
//! round trip.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Script;
use tokio::time::Instant;

use super::Retention;
use super::record::{AcquireReply, FirstSent, IdempotencyRecord, Owner, RecordedSend};
use crate::model::SessionId;
use crate::store::{Store, StoreError};

static ACQUIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/acquire.lua")));
static SENT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/sent.lua")));
static ISSUED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/issued.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/release.lua")));

/// The records. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct RedisBackend {
    store: Store,
    retention: Retention,
}

impl RedisBackend {
    pub(super) fn new(store: Store, retention: Retention) -> Self {
        Self { store, retention }
    }

    pub(super) async fn acquire(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
    ) -> Result<AcquireReply, StoreError> {
        let mut script = ACQUIRE.key(self.key(record));
        let script = script
            .arg(&record.parameters)
            .arg(&owner.0)
            .arg(millis(self.retention.lease));
        let (state, age, wall, sealed): (String, i64, String, String) =
            self.store.run("claim", script).await?;
        let recorded = recorded_send(age, &wall);
        match (state.as_str(), recorded) {
            ("acquired", recorded) => Ok(AcquireReply::Acquired(recorded)),
            ("held", _) => Ok(AcquireReply::Held),
            ("conflict", _) => Ok(AcquireReply::Conflict),
            // If the session cannot be decrypted, AWS returns it for the same token.
            ("issued", Some(recorded)) => Ok(match record.seal.open(&sealed) {
                Some(session) => AcquireReply::Issued(session, recorded),
                None => AcquireReply::Acquired(Some(recorded)),
            }),
            _ => Err(StoreError::Failed(format!(
                "unexpected state {state:?} of an idempotency record"
            ))),
        }
    }

    pub(super) async fn record_sent(
        &self,
        record: &IdempotencyRecord,
        owner: &Owner,
        at: SystemTime,
    ) -> Result<RecordedSend, StoreError> {
        let mut script = SENT.key(self.key(record));
        let script = script
            .arg(&record.parameters)
            .arg(&owner.0)
            .arg(nanos(at))
            .arg(millis(self.retention.lease))
            .arg(millis(self.retention.record));
        let (age, wall): (i64, String) = self.store.run("sent", script).await?;
        recorded_send(age, &wall).ok_or_else(|| {
            StoreError::Failed("an idempotency record without the time of its attempt".to_owned())
        })
    }

    pub(super) async fn record_issued(
        &self,
        record: &IdempotencyRecord,
        session: SessionId,
        sent: FirstSent,
    ) -> Result<(), StoreError> {
        let Some(sealed) = record.seal.seal(&session) else {
            return Err(StoreError::Failed(
                "the system provides no randomness to encrypt the session id".to_owned(),
            ));
        };
        let mut script = ISSUED.key(self.key(record));
        let script = script
            .arg(&record.parameters)
            .arg(sealed)
            .arg(nanos(sent.at))
            .arg(millis(sent.age(Instant::now())))
            .arg(millis(self.retention.record));
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

/// Parses the time of the first attempt. A negative age means that none was sent.
fn recorded_send(age: i64, wall: &str) -> Option<RecordedSend> {
    let age = Duration::from_millis(u64::try_from(age).ok()?);
    let at = UNIX_EPOCH.checked_add(Duration::from_nanos(wall.parse().ok()?))?;
    Some(RecordedSend { at, age })
}

fn nanos(at: SystemTime) -> String {
    let elapsed = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    elapsed.as_nanos().to_string()
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
