//! [Single flight](https://pkg.go.dev/golang.org/x/sync/singleflight): concurrent requests
//! with the same token share one [`Flight`].
//!
//! A flight is active while requests use it, so there are never more active flights than
//! requests. After its last request, a flight is kept only if an attempt was sent, which
//! costs a quota token. Active and kept flights are stored separately: refused requests with
//! many request ids must not evict the flights of other callers.
//!
//! For example, of 100,000 requests with distinct request ids, 5 per second get a quota
//! token and the others are refused. After 10 s, 50 flights are kept.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;

use super::{Flight, IdempotencyRecord, RecordStore, Retention};
use crate::model::ClientRequestToken;

/// How long a flight is kept after its last request.
const SENT_TTL: Duration = Duration::from_secs(600);

/// The flights of this process. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct SingleFlight {
    active: Arc<Mutex<HashMap<ClientRequestToken, ActiveFlight>>>,
    sent: Cache<ClientRequestToken, Arc<Flight>>,
}

/// A flight and the number of requests that use it.
#[derive(Debug)]
struct ActiveFlight {
    flight: Arc<Flight>,
    requests: usize,
}

/// One request's use of a flight. While a guard exists, all requests with the same token
/// share its flight. Dropping the guard ends the request's use.
#[derive(Debug)]
pub struct FlightGuard {
    flight: Arc<Flight>,
    shared: Option<(ClientRequestToken, SingleFlight)>,
}

impl FlightGuard {
    /// Returns a flight for a request without a request id. It has no record and is not
    /// shared.
    #[must_use]
    pub fn unshared() -> Self {
        Self {
            flight: Arc::new(Flight::new(None)),
            shared: None,
        }
    }
}

impl SingleFlight {
    pub(super) fn new(retention: Retention) -> Self {
        let sent = Cache::builder()
            .max_capacity(retention.max_entries)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(SENT_TTL)
            .build();
        let active = Arc::default();
        Self { active, sent }
    }

    /// Joins the flight of `token`. The first request creates it from `record` and `store`.
    pub(super) fn join(
        &self,
        token: &ClientRequestToken,
        record: IdempotencyRecord,
        store: &RecordStore,
    ) -> FlightGuard {
        let mut active = self.active.lock();
        let entry = active.entry(token.clone()).or_insert_with(|| {
            let create = || Arc::new(Flight::new(Some((record, store.clone()))));
            let flight = self.sent.get(token).unwrap_or_else(create);
            ActiveFlight {
                flight,
                requests: 0,
            }
        });
        entry.requests += 1;
        FlightGuard {
            flight: entry.flight.clone(),
            shared: Some((token.clone(), self.clone())),
        }
    }

    /// Ends one request's use of a flight.
    fn end(&self, token: &ClientRequestToken) {
        let mut active = self.active.lock();
        let Some(entry) = active.get_mut(token) else {
            debug_assert!(false, "a flight is active until its last request ends");
            return;
        };
        entry.requests -= 1;
        if entry.requests > 0 {
            return;
        }
        if entry.flight.first_sent().is_some() {
            self.sent.insert(token.clone(), entry.flight.clone());
        }
        active.remove(token);
    }
}

impl Deref for FlightGuard {
    type Target = Flight;

    fn deref(&self) -> &Flight {
        &self.flight
    }
}

impl Drop for FlightGuard {
    fn drop(&mut self) {
        if let Some((token, flights)) = &self.shared {
            flights.end(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::idempotency::{Claimed, Idempotency, RecordedSend};
    use crate::model::RequestedSettings;

    fn join(idempotency: &Idempotency, token: &ClientRequestToken) -> FlightGuard {
        let flight = idempotency.join(token, &RequestedSettings::default());
        flight.expect("the first parameters")
    }

    #[tokio::test]
    async fn a_flight_lasts_while_requests_use_it_or_after_an_attempt_was_sent() {
        let (idempotency, token) = (Idempotency::default(), ClientRequestToken::random());
        let (first, second) = (join(&idempotency, &token), join(&idempotency, &token));
        assert!(Arc::ptr_eq(&first.flight, &second.flight));
        drop(first);
        let third = join(&idempotency, &token);
        assert!(
            Arc::ptr_eq(&second.flight, &third.flight),
            "the second request keeps it active"
        );
        drop((second, third));
        assert_eq!(
            idempotency.flights.active.lock().len(),
            0,
            "nothing was sent"
        );
        let fourth = join(&idempotency, &token);
        let sent = RecordedSend {
            at: SystemTime::UNIX_EPOCH,
            age: Duration::ZERO,
        };
        let claimed = fourth.lease().claim(sent, None).await;
        assert_eq!(claimed, Ok(Claimed::Acquired));
        let flight = fourth.flight.clone();
        drop(fourth);
        assert_eq!(
            idempotency.flights.active.lock().len(),
            0,
            "no request uses it"
        );
        assert!(Arc::ptr_eq(&join(&idempotency, &token).flight, &flight));
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_while_it_waits_leaves_no_flight() {
        let (idempotency, token) = (Idempotency::default(), ClientRequestToken::random());
        let request = async {
            let flight = join(&idempotency, &token);
            assert_eq!(flight.find(|| None).await, Ok(None));
            std::future::pending::<()>().await;
        };
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, request).await.is_err());
        assert_eq!(idempotency.flights.active.lock().len(), 0);
    }
}
