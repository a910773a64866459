//! Idempotency: each request id of a caller creates at most one session.
//!
//! A request id is an
//! [idempotency key](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
//! Its record holds a digest of the request's parameters, the time of the first attempt,
//! and the session once it exists. Concurrent requests with the same id share one call to
//! AWS: within a process by [single flight](https://pkg.go.dev/golang.org/x/sync/singleflight)
//! (see [`Flight`]), across replicas by a lease on the record in the store. AWS itself would
//! return the same session for the same token, but without a record no replica would know
//! how much of the session's life is left.
//!
//! - A *record* is the stored state of one request id, in memory or in Redis.
//! - A *lease* is the exclusive right of one replica to call AWS for a record. It expires if
//!   the replica dies. The next replica calls AWS with the same token, which every replica
//!   derives from the request, so AWS returns the same session.
//!
//! For example, a request with id R times out after its attempt was sent at 12:00:00. The
//! repeat at 12:00:20, on another replica, finds the record, sends the same token and
//! returns the session with 160 s left. Repeats from 12:03:00 on fail because R has expired,
//! for 24 h.
//!
//! ```text
//! join -> [find] --issued--> return the session, replayed
//!           |    \--held--> poll every 25 to 200 ms until the deadline
//!           v
//!        admission -> [claim] (before the call) -> AWS -> record_issued
//!                        \--held or issued--> return the quota token, find again
//! ```
//!
//! Each access to a record costs one round trip to the store: one for a replay or for a
//! request that admission refuses, three for a new session. If the store fails, sessions
//! are created without a record, unless the settings require one.

mod backend;
mod flight;
mod memory;
mod record;
mod redis;
mod seal;
#[cfg(test)]
mod suite;

use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tracing::warn;

use self::backend::RecordBackend;
use self::record::{Owner, RecordKey, RecordState};
use crate::change::Condition;
use crate::model::{ClientRequestToken, Clock, RequestedSettings, SESSION_LIFE};
use crate::single_flight::{FlightGuard, SingleFlight};
use crate::store::{Store, StoreError};

pub use self::flight::{Claimed, Flight, Lease};
pub use self::record::{FirstSent, RecordedSend};
pub use self::redis::check_store;

/// How long a flight is kept after its last request.
const SENT_TTL: Duration = Duration::from_secs(600);

/// One request's use of the flight of its request id.
pub type RequestFlight = FlightGuard<ClientRequestToken, Flight>;

/// Whether a session may be created without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencySettings {
    /// Fail requests whose record cannot be written.
    pub required: bool,
}

/// The AWS that sessions are created at. Replicas with another region or endpoint have
/// records of their own in the same store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordScope(Arc<str>);

impl RecordScope {
    /// Returns the scope of a region, and of an endpoint that is not the region's own.
    #[must_use]
    pub fn new(region: &str, endpoint_url: Option<&str>) -> Self {
        let endpoint_url = endpoint_url.unwrap_or_default();
        Self(Arc::from(format!("{region} {endpoint_url}")))
    }
}

/// How long leases and records last, and how many records this process keeps.
#[derive(Clone, Copy, Debug)]
struct Retention {
    lease: Duration,
    /// The lifetime of a record, from its first attempt.
    record: Duration,
    /// The maximum number of records and of flights in this process whose attempt was sent.
    /// The least recently used one is evicted first.
    max_entries: u64,
}

impl Default for Retention {
    /// A lease lasts 5 s; a record outlives its session by 24 h.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(5),
            record: SESSION_LIFE + Duration::from_secs(24 * 60 * 60),
            max_entries: 100_000,
        }
    }
}

/// The request ids that this process handles. Clones share them.
#[derive(Clone, Debug)]
pub struct Idempotency {
    flights: SingleFlight<ClientRequestToken, Flight>,
    store: RecordStore,
}

/// The backend of the records, this process as their owner, the AWS of their sessions, and
/// whether records are required.
#[derive(Clone, Debug)]
struct RecordStore {
    backend: RecordBackend,
    owner: Owner,
    scope: RecordScope,
    required: bool,
    /// Records are not written.
    failing: Arc<Condition>,
}

/// Why a request id does not lead to a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdempotencyError {
    /// The request id was used before with other parameters.
    #[error("the request id was used before with other parameters")]
    Conflict,
    /// A record is required, and the store failed.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl Default for Idempotency {
    /// Keeps the records in this process.
    fn default() -> Self {
        let retention = Retention::default();
        let backend = RecordBackend::in_memory(retention);
        Self::over(backend, retention, RecordScope::default(), false)
    }
}

impl Idempotency {
    /// Keeps the records in `store`, which all replicas share. `clock` receives the store's
    /// time.
    #[must_use]
    pub fn shared(
        store: Store,
        settings: IdempotencySettings,
        scope: RecordScope,
        clock: Clock,
    ) -> Self {
        let retention = Retention::default();
        let backend = RecordBackend::shared(store, retention, clock);
        Self::over(backend, retention, scope, settings.required)
    }

    fn over(
        backend: RecordBackend,
        retention: Retention,
        scope: RecordScope,
        required: bool,
    ) -> Self {
        let kept = Cache::builder()
            .max_capacity(retention.max_entries)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(SENT_TTL)
            .build();
        let flights = SingleFlight::new(kept);
        let owner = Owner(ClientRequestToken::random().expose().to_owned());
        let store = RecordStore {
            backend,
            owner,
            scope,
            required,
            failing: Arc::default(),
        };
        Self { flights, store }
    }

    /// Joins the flight of `token`, or starts one if this process has none.
    ///
    /// # Errors
    /// [`IdempotencyError::Conflict`] if the flight was started with other settings.
    pub fn join(
        &self,
        token: &ClientRequestToken,
        requested: &RequestedSettings,
    ) -> Result<RequestFlight, IdempotencyError> {
        let store = &self.store;
        let key = RecordKey::new(token, requested, &store.scope.0, store.owner.clone());
        let parameters = key.parameters.clone();
        let create = || Flight::new(Some((key, store.clone())));
        let flight = self.flights.join(token, create);
        match &flight.record {
            Some((first, _)) if first.parameters != parameters => Err(IdempotencyError::Conflict),
            _ => Ok(flight),
        }
    }
}

impl RecordStore {
    /// Treats the record as absent if the store failed, unless a record is required.
    fn tolerate(
        &self,
        found: Result<RecordState, StoreError>,
    ) -> Result<RecordState, IdempotencyError> {
        let error = match found {
            Ok(state) => {
                self.failing.end_if_quiet();
                return Ok(state);
            }
            Err(error) if self.required => return Err(IdempotencyError::Unavailable(error)),
            Err(error) => error,
        };
        // The store logs a lost connection itself.
        if error != StoreError::Down && self.failing.begin(()) {
            warn!(%error, "idempotency record not written");
        }
        Ok(RecordState::Free(None))
    }
}
