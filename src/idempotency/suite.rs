//! The behaviour of every record backend: one suite, run in memory and against Redis.
//!
//! The tests have two replicas over one store. Leases last 200 ms, so that a test can wait
//! for their end. Time is real, because the store's clock is real.

mod server;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout};

use super::backend::RecordBackend;
use super::{Acquired, Flight, FlightGuard, Idempotency, IdempotencyError, Retention};
use crate::model::{
    AuditImagesLimit, ClientRequestToken, RequestedSettings, SESSION_LIFE, SessionId,
    SessionSettings,
};
use crate::store::test_server::RedisServer;

const LEASE: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_millis(100);
const MAX_ENTRIES: u64 = 50;

/// A backend that replicas share.
struct SharedBackend {
    backend: RecordBackend,
    _server: Option<RedisServer>,
}

impl SharedBackend {
    fn retention() -> Retention {
        Retention {
            lease: LEASE,
            max_entries: MAX_ENTRIES,
            ..Retention::default()
        }
    }

    async fn in_memory() -> Self {
        Self {
            backend: RecordBackend::in_memory(Self::retention()),
            _server: None,
        }
    }

    async fn redis() -> Self {
        let server = RedisServer::start().await;
        let store = server.store().await;
        Self {
            backend: RecordBackend::shared(store, Self::retention()),
            _server: Some(server),
        }
    }

    fn replica(&self) -> Idempotency {
        Idempotency::over(self.backend.clone(), Self::retention(), false)
    }
}

macro_rules! suite {
    ($($test:ident)*) => {
        mod in_memory {
            $(#[tokio::test] async fn $test() {
                super::$test(&super::SharedBackend::in_memory().await).await;
            })*
        }
        mod redis {
            $(#[tokio::test] #[ignore = "needs redis-server: tests/run"] async fn $test() {
                super::$test(&super::SharedBackend::redis().await).await;
            })*
        }
    };
}

suite! {
    another_replica_gets_the_session_and_its_creation_time
    other_parameters_are_a_conflict_on_every_replica
    a_replica_waits_while_another_holds_the_lease
    a_replica_takes_over_when_the_lease_of_a_dead_one_expires
    a_dropped_lease_is_available_at_once
    a_request_that_was_never_sent_does_not_bind_its_request_id
    the_first_of_two_attempts_sets_the_creation_time
    an_expired_session_has_no_time_left
    refused_request_ids_evict_no_session
    waiting_request_ids_evict_no_session
}

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::new(2_000_000_000, 123_456_789)
}

fn session() -> SessionId {
    SessionId::parse("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10").expect("a UUID")
}

fn other_settings() -> RequestedSettings {
    RequestedSettings::Settings(SessionSettings {
        audit_images_limit: AuditImagesLimit::new(1).expect("in bounds"),
        ..SessionSettings::default()
    })
}

fn join(replica: &Idempotency, token: &ClientRequestToken) -> FlightGuard {
    let flight = replica.join(token, &RequestedSettings::default());
    flight.expect("the first settings")
}

async fn acquire(flight: &Flight) -> Acquired<'_> {
    let acquired = flight.acquire(wall).await;
    acquired.expect("no conflict, and a record is not required")
}

async fn issue(flight: &Flight) {
    let Acquired::Lease(lease) = acquire(flight).await else {
        panic!("the session must be new");
    };
    flight.record_sent(wall()).await.expect("not required");
    lease.record_issued(session()).await;
}

async fn another_replica_gets_the_session_and_its_creation_time(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    issue(&join(&a, &token)).await;
    let there = join(&b, &token);
    assert!(matches!(acquire(&there).await, Acquired::Issued(id) if id == session()));
    let sent = there.first_sent().expect("an attempt was sent");
    assert_eq!(sent.at, wall(), "equal to the nanosecond");
    let left = sent.time_to_live(Instant::now());
    assert!(left <= SESSION_LIFE && left > SESSION_LIFE - Duration::from_secs(5));
}

async fn other_parameters_are_a_conflict_on_every_replica(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    issue(&join(&a, &token)).await;
    let here = a.join(&token, &other_settings());
    assert_eq!(here.err(), Some(IdempotencyError::Conflict));
    let there = b.join(&token, &other_settings()).expect("new on b");
    assert_eq!(
        there.acquire(wall).await.err(),
        Some(IdempotencyError::Conflict)
    );
}

async fn a_replica_waits_while_another_holds_the_lease(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    let Acquired::Lease(lease) = acquire(&here).await else {
        panic!("the session must be new");
    };
    assert!(timeout(SOON, acquire(&there)).await.is_err(), "b waits");
    here.record_sent(wall()).await.expect("not required");
    lease.record_issued(session()).await;
    assert!(matches!(acquire(&there).await, Acquired::Issued(_)));
}

async fn a_replica_takes_over_when_the_lease_of_a_dead_one_expires(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    let Acquired::Lease(lease) = acquire(&here).await else {
        panic!("the session must be new");
    };
    here.record_sent(wall()).await.expect("not required");
    std::mem::forget(lease);
    let start = Instant::now();
    assert!(matches!(acquire(&there).await, Acquired::Lease(_)));
    assert!(start.elapsed() > SOON && start.elapsed() < 5 * LEASE);
    assert_eq!(there.first_sent().map(|sent| sent.at), Some(wall()));
}

async fn a_dropped_lease_is_available_at_once(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    let acquired = acquire(&here).await;
    here.record_sent(wall()).await.expect("not required");
    drop(acquired);
    let next = timeout(SOON, acquire(&there)).await;
    assert!(matches!(next, Ok(Acquired::Lease(_))));
    assert_eq!(there.first_sent().map(|sent| sent.at), Some(wall()));
}

async fn a_request_that_was_never_sent_does_not_bind_its_request_id(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    drop(acquire(&join(&a, &token)).await);
    let there = b.join(&token, &other_settings()).expect("new on b");
    // The release runs in the background. At the latest the lease expires.
    for _ in 0..10 {
        if let Ok(Acquired::Lease(_)) = there.acquire(wall).await {
            assert_eq!(there.first_sent(), None);
            return;
        }
        tokio::time::sleep(LEASE / 5).await;
    }
    panic!("a refused request binds its request id");
}

async fn the_first_of_two_attempts_sets_the_creation_time(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    here.record_sent(wall()).await.expect("not required");
    let later = wall() + Duration::from_secs(7);
    there.record_sent(later).await.expect("not required");
    assert_eq!(there.first_sent().map(|sent| sent.at), Some(wall()));
}

async fn an_expired_session_has_no_time_left(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    issue(&join(&a, &token)).await;
    let there = join(&b, &token);
    let hours_later = || wall() + Duration::from_secs(20 * 60 * 60);
    let acquired = there.acquire(hours_later).await;
    assert!(matches!(acquired, Ok(Acquired::Issued(_))));
    let left = there
        .first_sent()
        .map(|sent| sent.time_to_live(Instant::now()));
    assert_eq!(left, Some(Duration::ZERO));
}

async fn refused_request_ids_evict_no_session(shared: &SharedBackend) {
    let a = shared.replica();
    let token = fill(&a).await;
    refuse_many(&a).await;
    let sent_at = join(&a, &token).first_sent().map(|sent| sent.at);
    assert_eq!(sent_at, Some(wall()), "known without the store");
    let there = join(&shared.replica(), &token);
    assert!(matches!(acquire(&there).await, Acquired::Issued(_)));
}

async fn waiting_request_ids_evict_no_session(shared: &SharedBackend) {
    let a = shared.replica();
    let token = fill(&a).await;
    let waiting: Vec<_> = (0..4 * MAX_ENTRIES)
        .map(|_| join(&a, &ClientRequestToken::random()))
        .collect();
    let mut acquired = Vec::new();
    for flight in &waiting {
        acquired.push(acquire(flight).await);
    }
    let there = join(&shared.replica(), &token);
    assert!(matches!(acquire(&there).await, Acquired::Issued(id) if id == session()));
}

/// Issues the maximum number of sessions. Returns the token of the first.
async fn fill(replica: &Idempotency) -> ClientRequestToken {
    let first = ClientRequestToken::random();
    issue(&join(replica, &first)).await;
    for _ in 1..MAX_ENTRIES {
        issue(&join(replica, &ClientRequestToken::random())).await;
    }
    first
}

async fn refuse_many(replica: &Idempotency) {
    for _ in 0..4 * MAX_ENTRIES {
        drop(acquire(&join(replica, &ClientRequestToken::random())).await);
    }
}
