//! Fuzzes result tokens: no forged token is valid, and no altered one.
//!
//! An input is a token. If it begins with `~`, it is a list of changes to a valid token:
//! `~3A` writes `A` at position 3, counted from 0.
#![no_main]

use std::time::{Duration, SystemTime};

use livegate::model::{CallerId, SessionId};
use livegate::result_token::{Binding, ResultToken, SigningKey, TokenKeys};

const SESSION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let key = |byte: u8| SigningKey::new(&[byte; 32]).expect("32 bytes are a key");
    let keys = TokenKeys::new(key(1), vec![key(2)]).expect("two keys");
    let binding = Binding {
        caller: &CallerId::new("payments").expect("a name"),
        subject: None,
        region: "us-east-1",
        session: &SessionId::parse(SESSION).expect("a session id"),
    };
    let valid = keys.issue(&binding, now + Duration::from_secs(180));
    assert!(keys.verify(&valid, &binding, now).is_ok());
    let text = match bytes.split_first() {
        Some((b'~', changes)) => changed(valid.expose(), changes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let presented = ResultToken::presented(&text);
    let result = keys.verify(&presented, &binding, now);
    assert_eq!(result.is_ok(), presented == valid, "{text:?}");
});

/// Returns `token` with each pair of `changes` applied: a position and a character.
fn changed(token: &str, changes: &[u8]) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for pair in changes.chunks_exact(2) {
        let position = usize::from(pair[0].wrapping_sub(b'0')) % bytes.len();
        bytes[position] = pair[1];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
