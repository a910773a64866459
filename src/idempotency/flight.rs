//! One request id, from its first request to its session.
//!
//! For example, two concurrent requests on one replica share a flight. The first acquires
//! the lease and calls AWS; the second waits for the [`session`](Flight::session). A third
//! request, on another replica, polls the record until it contains the session.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::record::{AcquireReply, FirstSent, IdempotencyRecord};
use super::{IdempotencyError, RecordStore};
use crate::model::{SessionId, SessionSettings};

const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(25);
const LONGEST_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The state of one request id in this process.
#[derive(Debug)]
pub struct Flight {
    pub(super) record: Option<(IdempotencyRecord, RecordStore)>,
    first_sent: OnceLock<FirstSent>,
    first_settings: OnceLock<SessionSettings>,
    session: OnceCell<SessionId>,
}

/// The outcome of [`Flight::acquire`].
#[derive(Debug)]
pub enum Acquired<'f> {
    /// This process must create the session and record it with the lease.
    Lease(Lease<'f>),
    /// Another replica created the session.
    Issued(SessionId),
}

/// The right of this process to create the session of a flight. Dropping the lease without
/// a session releases it for the next request.
#[derive(Debug)]
pub struct Lease<'f> {
    flight: &'f Flight,
    release_on_drop: bool,
}

impl Flight {
    pub(super) fn new(record: Option<(IdempotencyRecord, RecordStore)>) -> Self {
        Self {
            record,
            first_sent: OnceLock::new(),
            first_settings: OnceLock::new(),
            session: OnceCell::new(),
        }
    }

    /// Returns the flight of a request without a request id, which has no record.
    #[must_use]
    pub fn unshared() -> Self {
        Self::new(None)
    }

    /// Waits until this process may create the session, or another replica has created it.
    ///
    /// The wait has no timeout of its own: drop the future at the deadline.
    ///
    /// # Errors
    /// [`IdempotencyError::Conflict`] if another replica used the request id with other
    /// settings; [`IdempotencyError::Unavailable`] if a record is required and the store
    /// fails.
    pub async fn acquire(
        &self,
        wall: impl Fn() -> SystemTime,
    ) -> Result<Acquired<'_>, IdempotencyError> {
        let mut interval = FIRST_POLL_INTERVAL;
        loop {
            match self.try_acquire().await? {
                AcquireReply::Conflict => return Err(IdempotencyError::Conflict),
                AcquireReply::Issued(session, recorded) => {
                    let sent = FirstSent::from_record(recorded, wall(), Instant::now());
                    self.first_sent.get_or_init(|| sent);
                    return Ok(Acquired::Issued(session));
                }
                AcquireReply::Acquired(recorded) => {
                    if let Some(recorded) = recorded {
                        let sent = FirstSent::from_record(recorded, wall(), Instant::now());
                        self.first_sent.get_or_init(|| sent);
                    }
                    return Ok(Acquired::Lease(Lease::new(self)));
                }
                AcquireReply::Held => sleep(interval).await,
            }
            interval = (interval * 2).min(LONGEST_POLL_INTERVAL);
        }
    }

    async fn try_acquire(&self) -> Result<AcquireReply, IdempotencyError> {
        let Some((record, store)) = &self.record else {
            return Ok(AcquireReply::Acquired(None));
        };
        match store.backend.acquire(record, &store.owner).await {
            Ok(reply) => Ok(reply),
            Err(error) => store.tolerate(error).map(|()| AcquireReply::Acquired(None)),
        }
    }

    /// Records that an attempt is sent, at `wall` and now. Only the first one counts. If the
    /// future is dropped, the attempt may be recorded although it is not sent.
    ///
    /// # Errors
    /// [`IdempotencyError::Unavailable`] if a record is required and the store fails.
    pub async fn record_sent(&self, wall: SystemTime) -> Result<(), IdempotencyError> {
        if self.first_sent.get().is_some() {
            return Ok(());
        }
        let mut sent = FirstSent::new(wall, Instant::now());
        if let Some((record, store)) = &self.record {
            match store.backend.record_sent(record, &store.owner, wall).await {
                Ok(recorded) => sent = FirstSent::from_record(recorded, wall, Instant::now()),
                Err(error) => store.tolerate(error)?,
            }
        }
        self.first_sent.get_or_init(|| sent);
        Ok(())
    }

    /// Returns the settings that this process first sent to AWS with the token, initially
    /// `settings`. A profile may change between two attempts, and AWS may reject a token
    /// that is repeated with other settings.
    #[must_use]
    pub fn first_settings(&self, settings: &SessionSettings) -> &SessionSettings {
        self.first_settings.get_or_init(|| settings.clone())
    }

    /// Returns when the first attempt was sent, or `None` if no attempt is known.
    #[must_use]
    pub fn first_sent(&self) -> Option<FirstSent> {
        self.first_sent.get().copied()
    }

    /// Returns the cell of the session. All concurrent requests wait for the one that
    /// initializes it. If that request fails or is dropped, the next one tries.
    #[must_use]
    pub fn session(&self) -> &OnceCell<SessionId> {
        &self.session
    }
}

impl<'f> Lease<'f> {
    fn new(flight: &'f Flight) -> Self {
        let release_on_drop = true;
        Self {
            flight,
            release_on_drop,
        }
    }

    /// Records the session. If the future is dropped, other replicas may have to ask AWS for
    /// the session with the same token.
    pub async fn record_issued(mut self, session: SessionId) {
        let (Some((record, store)), Some(sent)) = (&self.flight.record, self.flight.first_sent())
        else {
            return;
        };
        let recorded = store.backend.record_issued(record, session, sent).await;
        self.release_on_drop = recorded.is_err();
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let (true, Some((record, store))) = (self.release_on_drop, &self.flight.record) {
            store.backend.release(record, &store.owner);
        }
    }
}
