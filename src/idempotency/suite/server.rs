//! Behaviour that needs a real server: a killed, full or misconfigured one, and the stored
//! data.

use super::*;
use crate::idempotency::record::IdempotencyRecord;
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
    let error = join(&required, &token).acquire(wall).await.err();
    assert!(matches!(error, Some(IdempotencyError::Unavailable(_))));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn without_the_store_refused_request_ids_evict_no_session() {
    let mut server = RedisServer::start().await;
    let store = server.store().await;
    server.kill();
    let backend = RecordBackend::shared(store, SharedBackend::retention());
    let replica = Idempotency::over(backend, SharedBackend::retention(), false);
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
    let record = IdempotencyRecord::new(&token, &RequestedSettings::default());
    let key = store.key("claim", &record.name);
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
    let record = IdempotencyRecord::new(&token, &RequestedSettings::default());
    let key = store.key("claim", &record.name);
    let stored = server.command(&["HGETALL", &key]).await;
    assert!(!stored.contains(token.expose()) && !stored.contains(&session().expose()));
    let seconds = server.command(&["TTL", &key]).await;
    let seconds: u64 = seconds.trim().parse().expect("a number");
    let day = 24 * 60 * 60 + SESSION_LIFE.as_secs();
    assert!(seconds > day - 10 && seconds <= day);
    assert_eq!(server.command(&["KEYS", "*"]).await.trim(), key);
}

fn over(store: &Store, required: bool) -> Idempotency {
    let backend = RecordBackend::shared(store.clone(), Retention::default());
    Idempotency::over(backend, Retention::default(), required)
}
