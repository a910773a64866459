//! Runs each script once, on a record of its own that exists for at most a second.

use uuid::Uuid;

use super::{DISCARD, ISSUED, RECORD, RELEASE};
use crate::store::{Store, StoreError};

/// Runs the scripts so that each calls all of its commands.
///
/// # Errors
/// If the store fails, or does not permit a command; the error names it.
pub(in crate::idempotency) async fn check(store: &Store) -> Result<(), StoreError> {
    const LIFE_MS: u32 = 1000;
    let key = store.key("claim:check", &Uuid::new_v4().to_string());
    let mut claim = RECORD.key(&key);
    let claim = claim.arg("owner").arg(LIFE_MS).arg("dates").arg(LIFE_MS);
    let _: (u64, u8, String, String) = store.run("claim", claim).await?;
    let () = store.run("release", RELEASE.key(&key).arg("owner")).await?;
    let mut discard = DISCARD.key(&key);
    let () = store.run("discard", discard.arg("dates").arg("")).await?;
    let mut issued = ISSUED.key(&key);
    store
        .run("issued", issued.arg("session").arg(LIFE_MS))
        .await
}
