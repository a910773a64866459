//! What is known of the sessions that callers have named: the claims.
//!
//! A claim ties a caller's request id to the parameters it first came with, to
//! the moment the first attempt left, and to the session once there is one.
//! Concurrent calls with the same request id join: within a process at its
//! [`Claim`], across replicas at the record in the store. Without a record AWS
//! would still answer the same token with the same session, but nobody would know
//! how much of its life is gone.
//!
//! # The terms
//!
//! - A *record* is what a store keeps of a claim: in memory, or in Redis.
//! - A *lease* says which replica is at it. It ends by itself when that replica
//!   dies. Then another asks AWS with the same token, which every replica derives
//!   alike: still one session.
//!
//! # An example
//!
//! A call with `request_id` R times out after its attempt left at 12:00:00. The
//! repeat at 12:00:20, on another replica, finds the record, sends the same token,
//! and is told the truth: 160 s left. A repeat at 12:03:00 is told that R has
//! expired, and so is every other one for 24 h.
//!
//! ```text
//! claim -> [take] --issued--> the session, replayed
//!            | ours    \-held--> ask again, every 25 to 200 ms, until the deadline
//!            v
//!         admission -> leaving (recorded first) -> AWS -> issued
//! ```
//!
//! The price is one round trip for each arrow that names the record. A store that
//! fails costs no session, unless the settings demand one.

mod claim;
mod known;
mod memory;
mod record;
mod records;
mod redis;
mod seal;
#[cfg(test)]
mod suite;

use std::time::Duration;

use tracing::warn;

use self::known::Known;
use self::record::{IdempotencyRecord, Owner};
use self::records::Records;
use crate::model::{ClientRequestToken, RequestedSettings, SESSION_LIFE};
use crate::store::{Store, StoreError};

pub use self::claim::{Claim, Lease, Turn};
pub use self::known::Joined;
pub use self::record::Sent;

/// Whether a session may be issued that no store knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencySettings {
    /// No session without a record.
    pub required: bool,
}

/// How long what lasts, and how much is kept in this process.
#[derive(Clone, Copy, Debug)]
struct Terms {
    lease: Duration,
    /// From the first attempt on.
    kept: Duration,
    /// Of records in this process, and of claims: of those that something was sent
    /// for, the oldest use goes first.
    most: u64,
}

impl Default for Terms {
    /// A lease of 5 s; a record outlives the session by 24 h.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(5),
            kept: SESSION_LIFE + Duration::from_secs(24 * 60 * 60),
            most: 100_000,
        }
    }
}

/// The claims that this process has to do with. Clones share them.
#[derive(Clone, Debug)]
pub struct Claims {
    known: Known,
    book: Book,
}

/// Where records are kept, by whom, and whether it can be done without.
#[derive(Clone, Debug)]
struct Book {
    records: Records,
    owner: Owner,
    required: bool,
}

/// Why a claim does not lead to a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The request id was claimed before, with other parameters.
    #[error("claimed before, with other parameters")]
    Conflict,
    /// There has to be a record, and the store does not take it.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl Default for Claims {
    /// Claims that are recorded in this process alone.
    fn default() -> Self {
        let terms = Terms::default();
        Self::over(Records::in_memory(terms), terms, false)
    }
}

impl Claims {
    /// Claims that are recorded in `store`.
    #[must_use]
    pub fn shared(store: Store, settings: IdempotencySettings) -> Self {
        let terms = Terms::default();
        Self::over(Records::shared(store, terms), terms, settings.required)
    }

    fn over(records: Records, terms: Terms, required: bool) -> Self {
        let known = Known::new(terms);
        let owner = Owner(ClientRequestToken::random().expose().to_owned());
        let book = Book {
            records,
            owner,
            required,
        };
        Self { known, book }
    }

    /// Joins the claim that has `token`, made now where this process has none.
    ///
    /// # Errors
    /// [`ClaimError::Conflict`] where it was made for something else.
    pub fn claim(
        &self,
        token: &ClientRequestToken,
        wanted: &RequestedSettings,
    ) -> Result<Joined, ClaimError> {
        let record = IdempotencyRecord::of(token, wanted);
        let parameters = record.parameters.clone();
        let joined = self.known.join(token, record, &self.book);
        match &joined.record {
            Some((first, _)) if first.parameters != parameters => Err(ClaimError::Conflict),
            _ => Ok(joined),
        }
    }
}

impl Book {
    /// Goes on without the store, where that is allowed.
    fn forgive(&self, error: StoreError) -> Result<(), ClaimError> {
        if self.required {
            return Err(ClaimError::Unavailable(error));
        }
        // While there is no connection, its keeper has said so.
        if error != StoreError::Down {
            warn!(%error, "a session goes without a record");
        }
        Ok(())
    }
}
