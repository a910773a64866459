//! What every store of records does: one suite, run in memory and against Redis.
//!
//! The scenes have two replicas over one store. Leases are 200 ms, so that the end
//! of one can be waited for; time is real, as the store's is.

mod server;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout};

use super::records::Records;
use super::{Claim, ClaimError, Claims, Joined, Terms, Turn};
use crate::model::{
    AuditImagesLimit, ClientRequestToken, RequestedSettings, SESSION_LIFE, SessionId,
    SessionSettings,
};
use crate::store::test_server::RedisServer;

const LEASE: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_millis(100);
const MOST: u64 = 50;

/// A store, which replicas open.
struct Shop {
    records: Records,
    _server: Option<RedisServer>,
}

impl Shop {
    fn terms() -> Terms {
        Terms {
            lease: LEASE,
            most: MOST,
            ..Terms::default()
        }
    }

    async fn in_memory() -> Self {
        Self {
            records: Records::in_memory(Self::terms()),
            _server: None,
        }
    }

    async fn redis() -> Self {
        let server = RedisServer::start().await;
        let store = server.store().await;
        Self {
            records: Records::shared(store, Self::terms()),
            _server: Some(server),
        }
    }

    fn replica(&self) -> Claims {
        Claims::over(self.records.clone(), Self::terms(), false)
    }
}

macro_rules! suite {
    ($($scene:ident)*) => {
        mod in_memory {
            $(#[tokio::test] async fn $scene() {
                super::$scene(&super::Shop::in_memory().await).await;
            })*
        }
        mod redis {
            $(#[tokio::test] #[ignore = "needs redis-server: tests/run"] async fn $scene() {
                super::$scene(&super::Shop::redis().await).await;
            })*
        }
    };
}

suite! {
    another_replica_gets_the_session_and_its_first_date
    other_parameters_are_a_conflict_on_every_replica
    a_replica_that_is_at_it_is_waited_for
    a_replica_that_dies_is_followed_when_its_lease_ends
    a_call_that_is_given_up_is_followed_at_once
    what_was_never_sent_binds_nobody
    the_first_of_two_attempts_dates_the_session
    a_session_past_its_life_is_told_as_that
    refused_request_ids_push_no_session_out
    request_ids_that_wait_push_no_session_out
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

fn claim(replica: &Claims, token: &ClientRequestToken) -> Joined {
    let claim = replica.claim(token, &RequestedSettings::default());
    claim.expect("the first settings")
}

async fn turn(claim: &Claim) -> Turn<'_> {
    let turn = claim.turn(wall).await;
    turn.expect("neither a conflict nor a store that has to be there")
}

async fn issue(claim: &Claim) {
    let Turn::Ours(lease) = turn(claim).await else {
        panic!("nobody was there before");
    };
    claim.leaving(wall()).await.expect("not required");
    lease.issued(session()).await;
}

async fn another_replica_gets_the_session_and_its_first_date(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    issue(&claim(&a, &token)).await;
    let there = claim(&b, &token);
    assert!(matches!(turn(&there).await, Turn::Issued(id) if id == session()));
    let sent = there.sent().expect("it was sent");
    assert_eq!(sent.at, wall(), "to the nanosecond");
    let left = sent.left(Instant::now());
    assert!(left <= SESSION_LIFE && left > SESSION_LIFE - Duration::from_secs(5));
}

async fn other_parameters_are_a_conflict_on_every_replica(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    issue(&claim(&a, &token)).await;
    let here = a.claim(&token, &other_settings());
    assert_eq!(here.err(), Some(ClaimError::Conflict));
    let there = b.claim(&token, &other_settings()).expect("unknown to b");
    assert_eq!(there.turn(wall).await.err(), Some(ClaimError::Conflict));
}

async fn a_replica_that_is_at_it_is_waited_for(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    let (here, there) = (claim(&a, &token), claim(&b, &token));
    let Turn::Ours(lease) = turn(&here).await else {
        panic!("nobody was there before");
    };
    assert!(timeout(SOON, turn(&there)).await.is_err(), "b waits");
    here.leaving(wall()).await.expect("not required");
    lease.issued(session()).await;
    assert!(matches!(turn(&there).await, Turn::Issued(_)));
}

async fn a_replica_that_dies_is_followed_when_its_lease_ends(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    let (here, there) = (claim(&a, &token), claim(&b, &token));
    let Turn::Ours(lease) = turn(&here).await else {
        panic!("nobody was there before");
    };
    here.leaving(wall()).await.expect("not required");
    std::mem::forget(lease);
    let begun = Instant::now();
    assert!(matches!(turn(&there).await, Turn::Ours(_)));
    assert!(begun.elapsed() > SOON && begun.elapsed() < 5 * LEASE);
    assert_eq!(there.sent().map(|sent| sent.at), Some(wall()));
}

async fn a_call_that_is_given_up_is_followed_at_once(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    let (here, there) = (claim(&a, &token), claim(&b, &token));
    let given_up = turn(&here).await;
    here.leaving(wall()).await.expect("not required");
    drop(given_up);
    let followed = timeout(SOON, turn(&there)).await;
    assert!(matches!(followed, Ok(Turn::Ours(_))));
    assert_eq!(there.sent().map(|sent| sent.at), Some(wall()));
}

async fn what_was_never_sent_binds_nobody(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    drop(turn(&claim(&a, &token)).await);
    let there = b.claim(&token, &other_settings()).expect("unknown to b");
    // The release is on its way: at the latest the lease ends.
    for _ in 0..10 {
        if let Ok(Turn::Ours(_)) = there.turn(wall).await {
            assert_eq!(there.sent(), None);
            return;
        }
        tokio::time::sleep(LEASE / 5).await;
    }
    panic!("a refused call binds its request id");
}

async fn the_first_of_two_attempts_dates_the_session(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    let (here, there) = (claim(&a, &token), claim(&b, &token));
    here.leaving(wall()).await.expect("not required");
    let later = wall() + Duration::from_secs(7);
    there.leaving(later).await.expect("not required");
    assert_eq!(there.sent().map(|sent| sent.at), Some(wall()));
}

async fn a_session_past_its_life_is_told_as_that(shop: &Shop) {
    let (a, b, token) = (shop.replica(), shop.replica(), ClientRequestToken::random());
    issue(&claim(&a, &token)).await;
    let there = claim(&b, &token);
    let hours_later = || wall() + Duration::from_secs(20 * 60 * 60);
    let turn = there.turn(hours_later).await;
    assert!(matches!(turn, Ok(Turn::Issued(_))));
    let left = there.sent().map(|sent| sent.left(Instant::now()));
    assert_eq!(left, Some(Duration::ZERO));
}

async fn refused_request_ids_push_no_session_out(shop: &Shop) {
    let a = shop.replica();
    let token = fill(&a).await;
    refuse_many(&a).await;
    let known = claim(&a, &token).sent().map(|sent| sent.at);
    assert_eq!(known, Some(wall()), "before any record is asked");
    let there = claim(&shop.replica(), &token);
    assert!(matches!(turn(&there).await, Turn::Issued(_)));
}

async fn request_ids_that_wait_push_no_session_out(shop: &Shop) {
    let a = shop.replica();
    let token = fill(&a).await;
    let waiting: Vec<_> = (0..4 * MOST)
        .map(|_| claim(&a, &ClientRequestToken::random()))
        .collect();
    let mut turns = Vec::new();
    for claim in &waiting {
        turns.push(turn(claim).await);
    }
    let there = claim(&shop.replica(), &token);
    assert!(matches!(turn(&there).await, Turn::Issued(id) if id == session()));
}

/// Issues as many sessions as are kept. The token of the first.
async fn fill(replica: &Claims) -> ClientRequestToken {
    let first = ClientRequestToken::random();
    issue(&claim(replica, &first)).await;
    for _ in 1..MOST {
        issue(&claim(replica, &ClientRequestToken::random())).await;
    }
    first
}

async fn refuse_many(replica: &Claims) {
    for _ in 0..4 * MOST {
        drop(turn(&claim(replica, &ClientRequestToken::random())).await);
    }
}
