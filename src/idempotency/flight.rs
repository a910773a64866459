//! Deduplicates the requests with one request id: one creates the session, the others get
//! the same one.
//!
//! For example, two concurrent requests on one replica share a flight. The first gets a
//! permit, acquires the lease and calls AWS; the second waits for the
//! [`turn`](Flight::turn). A third request, on another replica, polls the record until
//! it contains the session.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

use super::record::{FirstSent, RecordKey, RecordState, RecordedSend};
use super::{IdempotencyError, RecordStore};
use crate::model::{Deadline, SessionId, SessionSettings};
use crate::single_flight::Shared;

const INITIAL_POLL_INTERVAL: Duration = Duration::from_millis(25);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The state of one request id in this process.
#[derive(Debug)]
pub struct Flight {
    pub(super) record: Option<(RecordKey, RecordStore)>,
    first_sent: parking_lot::Mutex<Option<FirstSent>>,
    first_settings: OnceLock<SessionSettings>,
    session: Mutex<Option<SessionId>>,
}

/// The outcome of [`Lease::claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// This process must create the session.
    Acquired,
    /// Another replica holds the lease, or has created the session.
    Elsewhere,
}

/// The right of this process to create the session of a flight, once it is claimed. Dropping
/// the lease without a session releases it for the next request.
#[derive(Debug)]
pub struct Lease<'f> {
    flight: &'f Flight,
    may_be_held: bool,
}

impl Shared for Flight {
    /// An attempt was sent, which costs a quota token.
    fn is_kept(&self) -> bool {
        self.first_sent().is_some()
    }
}

impl Flight {
    /// Returns the flight of a request without a request id, which has no record.
    #[must_use]
    pub fn unrecorded() -> Self {
        Self::new(None)
    }

    pub(super) fn new(record: Option<(RecordKey, RecordStore)>) -> Self {
        Self {
            record,
            first_sent: parking_lot::Mutex::default(),
            first_settings: OnceLock::new(),
            session: Mutex::default(),
        }
    }

    /// Returns the lease on the record, which is not claimed yet.
    #[must_use]
    pub fn lease(&self) -> Lease<'_> {
        Lease {
            flight: self,
            may_be_held: false,
        }
    }

    fn set_first_sent(&self, recorded: RecordedSend, wall: Option<SystemTime>) {
        let sent = FirstSent::from_record(recorded, wall, Instant::now());
        self.first_sent.lock().get_or_insert(sent);
    }

    /// Dates the first attempt again, after the clock was corrected. `sent` is the earliest
    /// time of the session's creation, with its age when the attempt was sent, and `wall` the
    /// time then if it is confirmed.
    pub fn date_again(&self, sent: RecordedSend, wall: Option<SystemTime>) {
        let mut first_sent = self.first_sent.lock();
        *first_sent = first_sent.map(|first| first.dated_again(sent, wall));
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
        *self.first_sent.lock()
    }

    /// Waits until no other request of this process creates the session, and returns the
    /// session, if one of them has. While the guard exists, this request may create it.
    pub async fn turn(&self) -> MutexGuard<'_, Option<SessionId>> {
        self.session.lock().await
    }
}

impl Lease<'_> {
    /// Returns the session that another replica has created, or `None` if this process may
    /// create it: at once while it may hold the lease. Waits while another replica holds the
    /// lease.
    ///
    /// The wait has no timeout of its own: drop the future at the deadline. `wall` returns the
    /// current time if it can be relied on.
    ///
    /// # Errors
    /// [`IdempotencyError::Conflict`] if another replica used the request id with other
    /// settings; [`IdempotencyError::Unavailable`] if a record is required and the store
    /// fails.
    pub async fn find(
        &self,
        wall: impl Fn() -> Option<SystemTime>,
    ) -> Result<Option<SessionId>, IdempotencyError> {
        let Some((key, store)) = self.flight.record.as_ref().filter(|_| !self.may_be_held) else {
            return Ok(None);
        };
        let mut interval = INITIAL_POLL_INTERVAL;
        loop {
            let read = store.backend.read(key).await;
            match store.tolerate(read)? {
                RecordState::Conflict => return Err(IdempotencyError::Conflict),
                RecordState::Issued(session, recorded) => {
                    self.flight.set_first_sent(recorded, wall());
                    return Ok(Some(session));
                }
                RecordState::Free(recorded) => {
                    if let Some(recorded) = recorded {
                        self.flight.set_first_sent(recorded, wall());
                    }
                    return Ok(None);
                }
                RecordState::Held => sleep(interval).await,
            }
            interval = (interval * 2).min(MAX_POLL_INTERVAL);
        }
    }

    /// Acquires the lease and records that an attempt is sent. Only the first attempt of a
    /// record counts, and only the first call has an effect. If the future is dropped, the
    /// attempt may be recorded although it is not sent.
    ///
    /// `sent` is the earliest time of the session's creation, and `wall` the current time if
    /// it can be relied on.
    ///
    /// # Errors
    /// [`IdempotencyError::Conflict`] if another replica used the request id with other
    /// settings; [`IdempotencyError::Unavailable`] if a record is required and the store
    /// fails.
    pub async fn claim(
        &mut self,
        sent: RecordedSend,
        wall: Option<SystemTime>,
    ) -> Result<Claimed, IdempotencyError> {
        if std::mem::replace(&mut self.may_be_held, true) {
            return Ok(Claimed::Acquired);
        }
        let state = match &self.flight.record {
            None => RecordState::Free(None),
            Some((key, store)) => {
                let claimed = store.backend.claim(key, sent).await;
                store.tolerate(claimed)?
            }
        };
        self.may_be_held = matches!(state, RecordState::Free(_) | RecordState::Conflict);
        match state {
            RecordState::Conflict => Err(IdempotencyError::Conflict),
            RecordState::Held | RecordState::Issued(..) => Ok(Claimed::Elsewhere),
            RecordState::Free(recorded) => {
                self.flight.set_first_sent(recorded.unwrap_or(sent), wall);
                Ok(Claimed::Acquired)
            }
        }
    }

    /// Records the session, until `deadline`. Without the record, other replicas have to ask
    /// AWS for the session with the same token.
    pub async fn record_issued(mut self, session: SessionId, deadline: Deadline) {
        let (Some((key, store)), Some(sent)) = (&self.flight.record, self.flight.first_sent())
        else {
            return;
        };
        let recording = store.backend.record_issued(key, session, sent);
        let recorded = timeout_at(deadline.instant(), recording).await;
        self.may_be_held = !matches!(recorded, Ok(Ok(())));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let (true, Some((key, store))) = (self.may_be_held, &self.flight.record) {
            store.backend.release(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::idempotency::{Idempotency, RequestFlight};
    use crate::model::{ClientRequestToken, RequestedSettings};

    fn join(idempotency: &Idempotency, token: &ClientRequestToken) -> RequestFlight {
        let flight = idempotency.join(token, &RequestedSettings::default());
        flight.expect("the first parameters")
    }

    #[tokio::test]
    async fn a_flight_is_kept_after_an_attempt_was_sent() {
        let (idempotency, token) = (Idempotency::default(), ClientRequestToken::random());
        drop(join(&idempotency, &token));
        assert_eq!(idempotency.flights.active_count(), 0, "nothing was sent");
        let flight = join(&idempotency, &token);
        assert_eq!(flight.first_sent(), None);
        let sent = RecordedSend {
            at: UNIX_EPOCH,
            age: Duration::ZERO,
        };
        let claimed = flight.lease().claim(sent, None).await;
        assert_eq!(claimed, Ok(Claimed::Acquired));
        drop(flight);
        assert_eq!(idempotency.flights.active_count(), 0, "no request uses it");
        assert!(join(&idempotency, &token).first_sent().is_some());
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_while_it_waits_leaves_no_flight() {
        let (idempotency, token) = (Idempotency::default(), ClientRequestToken::random());
        let request = async {
            let flight = join(&idempotency, &token);
            assert_eq!(flight.lease().find(|| None).await, Ok(None));
            std::future::pending::<()>().await;
        };
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, request).await.is_err());
        assert_eq!(idempotency.flights.active_count(), 0);
    }
}
