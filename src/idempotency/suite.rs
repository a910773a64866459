//! The behaviour of every record backend: one suite, run in memory and against Redis.
//!
//! The tests have two replicas over one store. Leases last 200 ms, so that a test can wait
//! for their end. Time is real, because the store's clock is real.

mod dating;
mod eviction;
mod server;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout};

use self::dating::*;
use self::eviction::*;
use super::backend::RecordBackend;
use super::{
    Claimed, Flight, Idempotency, IdempotencyError, Lease, RecordScope, RecordedSend,
    RequestFlight, Retention,
};
use crate::model::{
    AuditImagesLimit, ClientRequestToken, Clock, Deadline, RequestedSettings, SESSION_LIFE,
    SessionId, SessionSettings,
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
            backend: RecordBackend::shared(store, Self::retention(), Clock::default()),
            _server: Some(server),
        }
    }

    fn replica(&self) -> Idempotency {
        self.replica_in("eu-west-1")
    }

    fn replica_in(&self, region: &str) -> Idempotency {
        let scope = RecordScope::new(region, None);
        Idempotency::over(self.backend.clone(), Self::retention(), scope, false)
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
    a_replica_in_another_region_does_not_get_the_session
    other_parameters_are_a_conflict_on_every_replica
    a_replica_waits_while_another_holds_the_lease
    a_replica_takes_over_when_the_lease_of_a_dead_one_expires
    a_dropped_lease_is_available_at_once
    a_request_that_was_never_sent_does_not_bind_its_request_id
    a_claim_after_a_wait_finds_the_attempt_of_another_replica
    the_first_of_two_attempts_sets_the_creation_time
    an_expired_session_has_no_time_left
    a_session_that_is_dated_again_has_its_new_time_on_every_replica
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

fn join(replica: &Idempotency, token: &ClientRequestToken) -> RequestFlight {
    let flight = replica.join(token, &RequestedSettings::default());
    flight.expect("the first settings")
}

async fn find(flight: &Flight) -> Option<SessionId> {
    let found = flight.lease().find(|| Some(wall())).await;
    found.expect("no conflict, and a record is not required")
}

fn soon() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(5))
}

async fn claim(lease: &mut Lease<'_>, at: SystemTime) -> Claimed {
    let age = Duration::ZERO;
    let claimed = lease.claim(RecordedSend { at, age }, Some(wall())).await;
    claimed.expect("no conflict, and a record is not required")
}

/// Finds no session, and claims the lease.
async fn acquire(flight: &Flight) -> Lease<'_> {
    assert_eq!(find(flight).await, None, "the session must be new");
    let mut lease = flight.lease();
    assert_eq!(claim(&mut lease, wall()).await, Claimed::Acquired);
    lease
}

async fn issue(flight: &Flight) {
    acquire(flight).await.record_issued(session(), soon()).await;
}

async fn another_replica_gets_the_session_and_its_creation_time(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    issue(&join(&a, &token)).await;
    let there = join(&b, &token);
    assert_eq!(find(&there).await, Some(session()));
    let sent = there.first_sent().expect("an attempt was sent");
    assert_eq!(sent.at, wall(), "equal to the nanosecond");
    let left = sent.time_to_live(Instant::now());
    assert!(left <= SESSION_LIFE && left > SESSION_LIFE - Duration::from_secs(5));
}

async fn a_replica_in_another_region_does_not_get_the_session(shared: &SharedBackend) {
    let token = ClientRequestToken::random();
    issue(&join(&shared.replica_in("eu-west-1"), &token)).await;
    let there = join(&shared.replica_in("us-east-1"), &token);
    assert_eq!(find(&there).await, None);
    let endpoint = RecordScope::new("eu-west-1", Some("https://vpce.example.com"));
    assert_ne!(endpoint, RecordScope::new("eu-west-1", None));
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
    let found = there.lease().find(|| Some(wall())).await;
    assert_eq!(found, Err(IdempotencyError::Conflict));
}

async fn a_replica_waits_while_another_holds_the_lease(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    let lease = acquire(&here).await;
    assert!(timeout(SOON, find(&there)).await.is_err(), "b waits");
    lease.record_issued(session(), soon()).await;
    assert_eq!(find(&there).await, Some(session()));
}

async fn a_replica_takes_over_when_the_lease_of_a_dead_one_expires(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    std::mem::forget(acquire(&here).await);
    let start = Instant::now();
    acquire(&there).await;
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
    drop(acquire(&here).await);
    let next = timeout(SOON, acquire(&there)).await;
    assert!(next.is_ok());
    assert_eq!(there.first_sent().map(|sent| sent.at), Some(wall()));
}

async fn a_request_that_was_never_sent_does_not_bind_its_request_id(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let here = join(&a, &token);
    assert_eq!(find(&here).await, None);
    let there = b.join(&token, &other_settings()).expect("new on b");
    acquire(&there).await;
}

async fn a_claim_after_a_wait_finds_the_attempt_of_another_replica(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    assert_eq!((find(&here).await, find(&there).await), (None, None));
    let (mut lease, mut later) = (here.lease(), there.lease());
    assert_eq!(claim(&mut lease, wall()).await, Claimed::Acquired);
    assert_eq!(claim(&mut later, wall()).await, Claimed::Elsewhere);
    lease.record_issued(session(), soon()).await;
    assert_eq!(claim(&mut later, wall()).await, Claimed::Elsewhere);
    let found = later.find(|| Some(wall())).await;
    assert_eq!(found, Ok(Some(session())));
    assert_eq!(there.first_sent().map(|sent| sent.at), Some(wall()));
}

async fn the_first_of_two_attempts_sets_the_creation_time(shared: &SharedBackend) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let (here, there) = (join(&a, &token), join(&b, &token));
    drop(acquire(&here).await);
    assert_eq!(find(&there).await, None);
    let later = wall() + Duration::from_secs(7);
    assert_eq!(claim(&mut there.lease(), later).await, Claimed::Acquired);
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
    let hours_later = || Some(wall() + Duration::from_secs(20 * 60 * 60));
    assert_eq!(there.lease().find(hours_later).await, Ok(Some(session())));
    let left = there
        .first_sent()
        .map(|sent| sent.time_to_live(Instant::now()));
    assert_eq!(left, Some(Duration::ZERO));
}
