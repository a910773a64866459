//! Runs each script once, on a record of its own that exists for at most a second.

use redis::{FromRedisValue, ScriptInvocation};
use uuid::Uuid;

use super::{DISCARD, ISSUED, RECORD, RELEASE};
use crate::store::{Store, StoreError, with_missing_right};

/// Runs the scripts of the records on `store`, so that each calls all of its commands.
///
/// # Errors
/// If the store fails, or does not permit a command; the error names it.
pub async fn check_store(store: &Store) -> Result<(), StoreError> {
    const LIFE_MS: u32 = 1000;
    let key = store.key("claim", "check", &Uuid::new_v4().to_string());
    let (mut claim, source) = (RECORD.key(&key), include_str!("record.lua"));
    let claim = claim.arg("owner").arg(LIFE_MS).arg("dates").arg(LIFE_MS);
    let _: (u64, u8, String, String) = run(store, "claim", claim, source).await?;
    let (mut release, source) = (RELEASE.key(&key), include_str!("release.lua"));
    let () = run(store, "release", release.arg("owner"), source).await?;
    let (mut discard, source) = (DISCARD.key(&key), include_str!("discard.lua"));
    let () = run(store, "discard", discard.arg("dates").arg(""), source).await?;
    let (mut issued, source) = (ISSUED.key(&key), include_str!("issued.lua"));
    run(store, "issued", issued.arg("session").arg(LIFE_MS), source).await
}

async fn run<T: FromRedisValue>(
    store: &Store,
    operation: &'static str,
    script: &ScriptInvocation<'_>,
    source: &str,
) -> Result<T, StoreError> {
    let reply = store.run(operation, script).await;
    reply.map_err(|error| with_missing_right(error, source))
}
