//! Records in Redis or Valkey, which all replicas share.
//!
//! Each request id has one hash, `PREFIX:claim:VERSION:{NAME}`, with these fields:
//!
//! | field | value |
//! | --- | --- |
//! | `o` | owner of the lease |
//! | `l` | end of the lease, by the store's clock in ms |
//! | `d` | the sealed parameters and times of the first attempt |
//! | `s` | the same with the session id |
//!
//! The version of the format is in the key, so a record of another version is absent, and
//! replicas of two versions do not overwrite each other's records during an upgrade. A
//! record that was tampered with is discarded: AWS returns the session of the same token.
//! The two fields of the lease are not sealed: they delay a request by at most one lease.
//!
//! For example, replica A acquires a lease at 12:00:00, sends its attempt and dies. Replica B
//! waits until the lease expires at 12:00:05, acquires it and receives the time of A's
//! attempt, from which it computes the session's expiry.
//!
//! Each operation is one script and one round trip.

mod check;
#[cfg(test)]
mod golden;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Script;
use tokio::time::Instant;

pub use self::check::check_store;
use super::Retention;
use super::record::{FirstSent, RecordKey, RecordState, RecordedSend};
use super::seal::{FORMAT_VERSION, RecordContent};
use crate::model::{Clock, ClockSource, SessionId, wall_clock};
use crate::store::{Store, StoreError};

static RECORD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/record.lua")));
static ISSUED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/issued.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/release.lua")));
static DISCARD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/discard.lua")));

/// The records. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct RedisBackend {
    store: Store,
    retention: Retention,
    clock: Clock,
}

/// The store's reply about a record.
struct StoredRecord {
    store_time: SystemTime,
    is_held: bool,
    sealed_dates: String,
    sealed_session: String,
}

impl RedisBackend {
    /// Returns the records in `store`. `clock` receives the store's time.
    pub(super) fn new(store: Store, retention: Retention, clock: Clock) -> Self {
        Self {
            store,
            retention,
            clock,
        }
    }

    pub(super) async fn read(&self, key: &RecordKey) -> Result<RecordState, StoreError> {
        let stored = self.run("read", key, "").await?;
        if stored.is_unreadable(key) {
            let mut script = DISCARD.key(self.key(key));
            let script = script.arg(&stored.sealed_dates).arg(&stored.sealed_session);
            let () = self.store.run("discard", script).await?;
            return Ok(RecordState::Free(None));
        }
        Ok(stored.state(key))
    }

    pub(super) async fn claim(
        &self,
        key: &RecordKey,
        sent: RecordedSend,
    ) -> Result<RecordState, StoreError> {
        let sealed = self.seal(key, sent, None)?;
        let stored = self.run("claim", key, &sealed).await?;
        Ok(stored.state(key))
    }

    pub(super) async fn record_issued(
        &self,
        key: &RecordKey,
        session: SessionId,
        sent: FirstSent,
    ) -> Result<(), StoreError> {
        let sent = sent.recorded(Instant::now());
        let sealed = self.seal(key, sent, Some(session))?;
        let mut script = ISSUED.key(self.key(key));
        let script = script.arg(sealed).arg(millis(self.retention.record));
        self.store.run("issued", script).await
    }

    pub(super) async fn release(&self, key: &RecordKey) -> Result<(), StoreError> {
        let mut script = RELEASE.key(self.key(key));
        self.store.run("release", script.arg(&key.owner.0)).await
    }

    /// Reads the record. With `sealed_dates`, also acquires its lease if possible.
    async fn run(
        &self,
        operation: &'static str,
        key: &RecordKey,
        sealed_dates: &str,
    ) -> Result<StoredRecord, StoreError> {
        let mut script = RECORD.key(self.key(key));
        let script = script
            .arg(&key.owner.0)
            .arg(millis(self.retention.lease))
            .arg(sealed_dates)
            .arg(millis(self.retention.record));
        let (now, is_held, sealed_dates, sealed_session): (u64, bool, String, String) =
            self.store.run(operation, script).await?;
        let store_time = UNIX_EPOCH + Duration::from_millis(now);
        self.clock.observe(ClockSource::Store, store_time);
        Ok(StoredRecord {
            store_time,
            is_held,
            sealed_dates,
            sealed_session,
        })
    }

    fn seal(
        &self,
        key: &RecordKey,
        sent: RecordedSend,
        session: Option<SessionId>,
    ) -> Result<String, StoreError> {
        let store_time = self.clock.time_of(ClockSource::Store);
        let store_time = store_time.unwrap_or_else(wall_clock);
        let content = RecordContent {
            parameters: key.parameters.clone(),
            at: sent.at,
            store_time: store_time - sent.age,
            session,
        };
        key.seal.seal(&content).ok_or_else(|| {
            StoreError::Failed("the system provides no randomness to seal a record".to_owned())
        })
    }

    fn key(&self, key: &RecordKey) -> String {
        self.store.key("claim", FORMAT_VERSION, &key.name)
    }
}

impl StoredRecord {
    /// Returns the sealed content: that with the session if possible.
    fn content(&self, key: &RecordKey) -> Option<RecordContent> {
        let open = |sealed| key.seal.open(sealed);
        open(&self.sealed_session).or_else(|| open(&self.sealed_dates))
    }

    /// Whether the record has content, none of which can be read.
    fn is_unreadable(&self, key: &RecordKey) -> bool {
        let is_empty = self.sealed_dates.is_empty() && self.sealed_session.is_empty();
        !is_empty && self.content(key).is_none()
    }

    fn state(&self, key: &RecordKey) -> RecordState {
        let Some(content) = self.content(key) else {
            return RecordState::unless_held(self.is_held, None);
        };
        let age = self.store_time.duration_since(content.store_time);
        let recorded = RecordedSend {
            at: content.at,
            age: age.unwrap_or_default(),
        };
        if content.parameters != key.parameters {
            return RecordState::Conflict;
        }
        match content.session {
            Some(session) => RecordState::Issued(session, recorded),
            None => RecordState::unless_held(self.is_held, Some(recorded)),
        }
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
