//! Records of this format version, as a release wrote them: every later release reads them.

use proptest::prelude::*;

use super::*;
use crate::idempotency::{Owner, RecordScope};
use crate::model::{
    CallerId, ClientRequestToken, RequestId, RequestedSettings, SESSION_LIFE, unix_time,
};
use crate::store::golden::{self, GoldenHash};
use crate::store::test_server::RedisServer;

const STATES: [&str; 4] = ["leased", "attempted", "issued", "issued without dates"];

fn file() -> String {
    format!("idempotency-{FORMAT_VERSION}.json")
}

/// The key of `state`, whose request id ends with the number of the state, for `owner`.
fn key(state: &str, owner: Owner) -> RecordKey {
    let number = STATES.iter().position(|one| *one == state);
    let id = format!(
        "00000000-0000-4000-8000-00000000000{}",
        number.expect("a state")
    );
    let caller = CallerId::new("payments").expect("a valid name");
    let id = RequestId::parse(&id).expect("a UUID");
    let token = ClientRequestToken::derive(&caller, &id, None);
    let scope = RecordScope::new("eu-west-1", None);
    RecordKey::new(&token, &RequestedSettings::default(), &scope.0, owner)
}

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789)
}

fn session() -> SessionId {
    SessionId::parse("00000000-0000-4000-8000-0000000000aa").expect("a UUID")
}

fn owner() -> Owner {
    Owner("the-owner-of-the-lease".to_owned())
}

/// What `golden` is read as by another process `age` after its attempt.
fn state_of(golden: &GoldenHash, is_held: bool, age: Duration) -> RecordState {
    let key = key(&golden.state, owner());
    let mut stored = StoredRecord {
        store_time: UNIX_EPOCH,
        is_held,
        sealed_dates: golden.field("d"),
        sealed_session: golden.field("s"),
    };
    let content = stored.content(&key);
    stored.store_time = content.map_or(UNIX_EPOCH, |content| content.store_time) + age;
    stored.state(&key)
}

fn golden_of(state: &str) -> GoldenHash {
    let found = golden::read(&file())
        .into_iter()
        .find(|golden| golden.state == state);
    found.expect("one of each state")
}

#[test]
fn records_of_the_release_before_are_read() {
    let age = Duration::from_secs(20);
    let sent = RecordedSend { at: wall(), age };
    let of = |state, is_held| state_of(&golden_of(state), is_held, age);
    assert_eq!(of("leased", true), RecordState::Held);
    assert_eq!(of("leased", false), RecordState::Free(Some(sent)));
    assert_eq!(of("attempted", false), RecordState::Free(Some(sent)));
    assert_eq!(of("issued", false), RecordState::Issued(session(), sent));
    let without_dates = of("issued without dates", false);
    assert_eq!(without_dates, RecordState::Issued(session(), sent));
}

#[test]
fn truncated_and_foreign_content_is_absent() {
    let golden = golden_of("issued");
    let mut sealed = golden.field("s");
    while sealed.pop().is_some() {
        let seal = key("issued", owner()).seal;
        assert_eq!(seal.open(&sealed), None, "{sealed}");
    }
    // The key of the content is that of its record.
    let mut copied = golden_of("issued without dates");
    copied.fields = golden.fields;
    assert_eq!(
        state_of(&copied, false, Duration::ZERO),
        RecordState::Free(None)
    );
}

proptest! {
    #[test]
    fn any_other_content_is_absent(text in "\\PC*", bytes: Vec<u8>, at: prop::sample::Index) {
        let seal = key("issued", owner()).seal;
        prop_assert_eq!(seal.open(&text), None);
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, bytes);
        prop_assert_eq!(seal.open(&encoded), None);
        let sealed = golden_of("issued").field("s");
        let at = at.index(sealed.len());
        let changed = format!("{}{}{}", &sealed[..at], if &sealed[at..=at] == "A" { "B" } else { "A" }, &sealed[at + 1..]);
        prop_assert_eq!(seal.open(&changed), None);
    }
}

/// Writes a record of each state.
async fn write(server: &RedisServer) -> Vec<GoldenHash> {
    let backend = backend(server).await;
    let sent = RecordedSend {
        at: wall(),
        age: Duration::ZERO,
    };
    let first_sent = FirstSent {
        at: wall(),
        expires_at: Instant::now() + SESSION_LIFE,
        is_confirmed: true,
    };
    let mut written = Vec::new();
    for state in STATES {
        let key = key(state, owner());
        if state != "issued without dates" {
            let claimed = backend.claim(&key, sent).await;
            assert!(matches!(claimed, Ok(RecordState::Free(Some(_)))), "{state}");
        }
        let done = match state {
            "leased" => Ok(()),
            "attempted" => backend.release(&key).await,
            _ => backend.record_issued(&key, session(), first_sent).await,
        };
        done.expect("the store replies");
        written.push(server.hash(state, &backend.key(&key)).await);
    }
    written
}

async fn backend(server: &RedisServer) -> RedisBackend {
    let (store, clock) = (server.store().await, Clock::default());
    RedisBackend::new(store, Retention::default(), clock)
}

fn another_process() -> Owner {
    Owner("another-process".to_owned())
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn golden_records_are_used_and_those_of_this_build_have_their_layout() {
    let server = RedisServer::start().await;
    golden::compare(&file(), &write(&server).await);
    let backend = backend(&server).await;
    for mut golden in golden::read(&file()) {
        // Its lease has ended.
        let lease_end = golden.fields.entry("l".to_owned());
        lease_end.and_modify(|end| *end = "1".to_owned());
        server.load(&golden).await;
        let (at, age) = (wall() + SESSION_LIFE, Duration::ZERO);
        let key = key(&golden.state, another_process());
        let read = backend.read(&key).await;
        let claimed = backend.claim(&key, RecordedSend { at, age }).await;
        for state in [read, claimed] {
            match state.expect("the store replies") {
                RecordState::Free(Some(sent)) => assert_eq!(sent.at, wall()),
                RecordState::Issued(found, sent) => {
                    assert_eq!((found, sent.at), (session(), wall()));
                }
                state => panic!("{}: {state:?}", golden.state),
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn another_process_waits_for_a_golden_lease() {
    let server = RedisServer::start().await;
    let backend = backend(&server).await;
    let mut golden = golden_of("leased");
    let end = unix_time(wall_clock() + Duration::from_secs(4)).as_millis();
    golden.fields.insert("l".to_owned(), end.to_string());
    server.load(&golden).await;
    let other = key("leased", another_process());
    let read = backend.read(&other).await;
    assert_eq!(read, Ok(RecordState::Held));
    let released = backend.release(&key("leased", owner())).await;
    released.expect("the store replies");
    let read = backend.read(&other).await;
    assert!(matches!(read, Ok(RecordState::Free(Some(_)))), "{read:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn records_of_another_version_are_absent_and_stay() {
    let server = RedisServer::start().await;
    let backend = backend(&server).await;
    for mut golden in golden::read(&file()) {
        golden.key = golden.key.replace(":1:", ":0:");
        server.load(&golden).await;
        let read = backend.read(&key(&golden.state, owner())).await;
        assert_eq!(read, Ok(RecordState::Free(None)));
        let stored = server.hash(&golden.state, &golden.key).await;
        assert_eq!(stored, golden);
    }
}
