//! What only a server can show: that it is gone, full or wrong, and what lies in it.
//!
//! An example: a server that is killed before the first of 250 calls costs none of
//! them its session, and none of the sessions its date.

use super::*;
use crate::idempotency::record::IdempotencyRecord;
use crate::store::Store;

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_store_that_is_gone_costs_a_session_only_where_it_is_required() {
    let mut server = RedisServer::start().await;
    let store = server.store().await;
    server.kill();
    let claims = |required| over(&store, required);
    let token = ClientRequestToken::random();
    let begun = Instant::now();
    let forgiving = claims(false);
    issue(&claim(&forgiving, &token)).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    let strict = claims(true);
    let refused = claim(&strict, &token).turn(wall).await.err();
    assert!(matches!(refused, Some(ClaimError::Unavailable(_))));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn without_a_store_refused_request_ids_push_no_session_out_either() {
    let mut server = RedisServer::start().await;
    let store = server.store().await;
    server.kill();
    let records = Records::shared(store, Shop::terms());
    let alone = Claims::over(records, Shop::terms(), false);
    let token = fill(&alone).await;
    refuse_many(&alone).await;
    let known = claim(&alone, &token).sent().map(|sent| sent.at);
    assert_eq!(known, Some(wall()), "or its repeat would read as fresh");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_key_of_the_wrong_type_a_flushed_script_and_a_full_store_cost_no_session() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let claims = over(&store, false);
    issue(&claim(&claims, &ClientRequestToken::random())).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    issue(&claim(&claims, &ClientRequestToken::random())).await;
    let token = ClientRequestToken::random();
    let record = IdempotencyRecord::of(&token, &RequestedSettings::default());
    let key = store.key("claim", &record.name);
    server.command(&["SET", &key, "nonsense"]).await;
    issue(&claim(&claims, &token)).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    issue(&claim(&claims, &ClientRequestToken::random())).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_store_holds_neither_the_token_nor_the_session_and_forgets_in_a_day() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let claims = over(&store, false);
    let token = ClientRequestToken::random();
    issue(&claim(&claims, &token)).await;
    let record = IdempotencyRecord::of(&token, &RequestedSettings::default());
    let key = store.key("claim", &record.name);
    let kept = server.command(&["HGETALL", &key]).await;
    assert!(!kept.contains(token.expose()) && !kept.contains(&session().expose()));
    let seconds = server.command(&["TTL", &key]).await;
    let seconds: u64 = seconds.trim().parse().expect("a number");
    let day = 24 * 60 * 60 + SESSION_LIFE.as_secs();
    assert!(seconds > day - 10 && seconds <= day);
    assert_eq!(server.command(&["KEYS", "*"]).await.trim(), key);
}

fn over(store: &Store, required: bool) -> Claims {
    let records = Records::shared(store.clone(), Terms::default());
    Claims::over(records, Terms::default(), required)
}
