//! Behaviour that needs a real server: a killed, full or misconfigured one, and the stored
//! data.

use super::*;
use crate::idempotency::record::{Owner, RecordKey};
use crate::store::Store;

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn without_the_store_sessions_are_created_unless_a_record_is_required() {
    let mut server = RedisServer::start().await;
    let store = server.store().await;
    server.kill();
    let token = ClientRequestToken::random();
    let start = Instant::now();
    let optional = over(&store, false);
    issue(&join(&optional, &token)).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    let required = over(&store, true);
    let flight = join(&required, &token);
    let found = flight.lease().find(|| Some(wall())).await;
    assert!(matches!(found, Err(IdempotencyError::Unavailable(_))));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn without_the_store_refused_request_ids_evict_no_session() {
    let mut server = RedisServer::start().await;
    let store = server.store().await;
    server.kill();
    let retention = SharedBackend::retention();
    let backend = RecordBackend::shared(store, retention, Clock::default());
    let replica = Idempotency::over(backend, retention, RecordScope::default(), false);
    let token = fill(&replica).await;
    refuse_many(&replica).await;
    let sent_at = join(&replica, &token).first_sent().map(|sent| sent.at);
    assert_eq!(
        sent_at,
        Some(wall()),
        "otherwise a repeat would get a later expiry"
    );
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_wrong_key_type_a_flushed_script_and_a_full_store_cost_no_session() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let replica = over(&store, false);
    issue(&join(&replica, &ClientRequestToken::random())).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    issue(&join(&replica, &ClientRequestToken::random())).await;
    let token = ClientRequestToken::random();
    let key = key(&store, &token);
    server.command(&["SET", &key, "nonsense"]).await;
    issue(&join(&replica, &token)).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    issue(&join(&replica, &ClientRequestToken::random())).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_store_holds_no_token_or_session_id_and_deletes_records_after_a_day() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let replica = over(&store, false);
    let token = ClientRequestToken::random();
    issue(&join(&replica, &token)).await;
    let key = key(&store, &token);
    let stored = server.command(&["HGETALL", &key]).await;
    assert!(!stored.contains(token.expose()) && !stored.contains(&session().expose()));
    let seconds = server.command(&["TTL", &key]).await;
    let seconds: u64 = seconds.trim().parse().expect("a number");
    let day = 24 * 60 * 60 + SESSION_LIFE.as_secs();
    assert!(seconds > day - 10 && seconds <= day);
    assert_eq!(server.command(&["KEYS", "*"]).await.trim(), key);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_record_of_another_version_is_absent() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let token = ClientRequestToken::random();
    issue(&join(&over(&store, true), &token)).await;
    let key = key(&store, &token);
    let other = key.replace(":claim:1:", ":claim:2:");
    server.command(&["RENAME", &key, &other]).await;
    issue(&join(&over(&store, true), &token)).await;
    assert_eq!(server.command(&["EXISTS", &key, &other]).await, "2");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_record_that_was_tampered_with_is_absent() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let [token, another] = [(); 2].map(|()| ClientRequestToken::random());
    let keys = [&token, &another].map(|token| key(&store, token));
    issue(&join(&over(&store, true), &another)).await;
    for field in ["d", "s"] {
        // The content of another record, and no other field that could be read.
        let content = server.command(&["HGET", &keys[1], field]).await;
        server.command(&["DEL", &keys[0]]).await;
        server.command(&["HSET", &keys[0], field, &content]).await;
        let flight = join(&over(&store, true), &token);
        assert_eq!(find(&flight).await, None, "{field}");
        assert_eq!(flight.first_sent(), None, "{field}");
        assert_eq!(server.command(&["EXISTS", &keys[0]]).await, "0", "{field}");
        issue(&flight).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn no_plain_field_of_a_record_extends_its_session() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let token = ClientRequestToken::random();
    issue(&join(&over(&store, true), &token)).await;
    let key = key(&store, &token);
    // Centuries in the future, in every field that ever was plain.
    for field in ["w", "t", "l"] {
        let centuries = "9400000000000000000";
        server.command(&["HSET", &key, field, centuries]).await;
    }
    let flight = join(&over(&store, true), &token);
    assert_eq!(find(&flight).await, Some(session()));
    assert_eq!(flight.first_sent().map(|sent| sent.at), Some(wall()));
}

fn key(store: &Store, token: &ClientRequestToken) -> String {
    let requested = RequestedSettings::default();
    let owner = Owner("test".to_owned());
    let key = RecordKey::new(token, &requested, &RecordScope::default().0, owner);
    store.key("claim", "1", &key.name)
}

fn over(store: &Store, required: bool) -> Idempotency {
    let retention = Retention::default();
    let backend = RecordBackend::shared(store.clone(), retention, Clock::default());
    Idempotency::over(backend, retention, RecordScope::default(), required)
}
