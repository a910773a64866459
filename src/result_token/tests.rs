//! Valid tokens, and all kinds of invalid ones.

mod version;

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::model::{CallerId, SessionId, Subject};

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";
const OTHER_ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a11";
const ISSUED: u64 = 1_800_000_000;

/// The values that a binding borrows.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    caller: CallerId,
    subject: Option<Subject>,
    region: String,
    session: SessionId,
}

impl Parts {
    fn new(caller: &str, subject: &str, region: &str, session: &str) -> Self {
        Self {
            caller: CallerId::new(caller).unwrap(),
            subject: Subject::parse(subject).ok(),
            region: region.to_owned(),
            session: SessionId::parse(session).unwrap(),
        }
    }

    fn binding(&self) -> Binding<'_> {
        Binding {
            caller: &self.caller,
            subject: self.subject.as_ref(),
            region: &self.region,
            session: &self.session,
        }
    }
}

fn valid_parts() -> Parts {
    Parts::new("payments", "jane", "eu-west-1", ID)
}

fn key(byte: u8) -> SigningKey {
    SigningKey::new(&[byte; 32]).unwrap()
}

fn keys(signing: u8, retired: &[u8]) -> TokenKeys {
    let retired = retired.iter().map(|byte| key(*byte)).collect();
    TokenKeys::new(key(signing), retired).unwrap()
}

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn issued() -> ResultToken {
    keys(1, &[]).issue(&valid_parts().binding(), at(ISSUED + 180))
}

fn verify(token: &ResultToken, parts: &Parts) -> Result<(), TokenRejected> {
    let verified = keys(1, &[]).verify(token, &parts.binding(), at(ISSUED));
    verified.map(drop)
}

#[test]
fn a_token_verifies_for_its_binding_and_has_60_url_safe_characters() {
    let token = issued();
    assert_eq!(verify(&token, &valid_parts()), Ok(()));
    assert_eq!(token.expose().len(), ResultToken::LENGTH);
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(token.expose().bytes().all(is_safe));
    assert!(
        token.expose().starts_with('A'),
        "a command line does not parse it as a flag"
    );
    assert_eq!(format!("{token:?}"), "ResultToken(..)");
}

#[test]
fn a_token_for_another_caller_subject_region_or_session_is_rejected() {
    for other in [
        Parts::new("payment", "jane", "eu-west-1", ID),
        Parts::new("Payments", "jane", "eu-west-1", ID),
        Parts::new("payments", "joan", "eu-west-1", ID),
        Parts::new("payments", "Jane", "eu-west-1", ID),
        Parts::new("payments", "jane ", "eu-west-1", ID),
        Parts::new("payments", "", "eu-west-1", ID),
        Parts::new("payments", "jane", "eu-west-2", ID),
        Parts::new("payments", "jane", "", ID),
        Parts::new("payments", "jane", "eu-west-1", OTHER_ID),
        Parts::new("paymentsjane", "", "eu-west-1", ID),
    ] {
        assert_eq!(verify(&issued(), &other), Err(TokenRejected), "{other:?}");
    }
    let without = Parts::new("payments", "", "eu-west-1", ID);
    let token = keys(1, &[]).issue(&without.binding(), at(ISSUED + 180));
    assert_eq!(verify(&token, &without), Ok(()));
    assert_eq!(verify(&token, &valid_parts()), Err(TokenRejected));
}

#[test]
fn a_token_with_a_changed_bit_character_or_length_is_rejected() {
    let text = issued().expose().to_owned();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = ResultToken(BASE64_URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(
            verify(&changed, &valid_parts()),
            Err(TokenRejected),
            "bit {bit}"
        );
    }
    for at in 0..text.len() {
        for other in ["A", "-", "=", "+", " ", "\0", "\u{e9}"] {
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            let is_same = changed == text;
            let token = ResultToken::presented(&changed);
            assert_eq!(
                verify(&token, &valid_parts()).is_ok(),
                is_same,
                "{changed:?}"
            );
        }
        let short = ResultToken::presented(&text[..at]);
        assert_eq!(
            verify(&short, &valid_parts()),
            Err(TokenRejected),
            "{at} characters"
        );
    }
    for invalid in [format!("{text}A"), format!("{text}="), format!(" {text}")] {
        let invalid = ResultToken::presented(&invalid);
        assert_eq!(
            verify(&invalid, &valid_parts()),
            Err(TokenRejected),
            "{}",
            invalid.0
        );
    }
}

#[test]
fn a_token_verifies_until_a_minute_after_its_expiry() {
    let (keys, parts) = (keys(1, &[]), valid_parts());
    let verify = |second| keys.verify(&issued(), &parts.binding(), at(second));
    for live in [0, ISSUED, ISSUED + 180, ISSUED + 240] {
        assert_eq!(verify(live), Ok(at(ISSUED + 180)), "{live}");
    }
    for expired in [ISSUED + 241, ISSUED + 86_400, u64::from(u32::MAX)] {
        assert_eq!(verify(expired), Err(TokenRejected), "{expired}");
    }
}

#[test]
fn a_token_with_a_changed_expiry_is_rejected() {
    let mut bytes = issued().bytes().unwrap();
    bytes[5..13].copy_from_slice(&u64::MAX.to_be_bytes());
    let changed = ResultToken(BASE64_URL_SAFE_NO_PAD.encode(bytes));
    assert_eq!(verify(&changed, &valid_parts()), Err(TokenRejected));
}

#[test]
fn keys_are_rotated_without_rejecting_a_valid_token() {
    let (old, both, new) = (keys(1, &[2]), keys(2, &[1]), keys(2, &[]));
    let parts = valid_parts();
    let (binding, now) = (parts.binding(), at(ISSUED));
    let of_old = old.issue(&binding, at(ISSUED + 180));
    let of_new = both.issue(&binding, at(ISSUED + 180));
    for (keys, token) in [(&old, &of_old), (&old, &of_new), (&both, &of_old)] {
        assert_eq!(keys.verify(token, &binding, now).map(drop), Ok(()));
    }
    assert_eq!(new.verify(&of_new, &binding, now).map(drop), Ok(()));
    assert_eq!(
        new.verify(&of_old, &binding, now),
        Err(TokenRejected),
        "the old key was removed"
    );
    assert_eq!(
        keys(3, &[4]).verify(&of_new, &binding, now),
        Err(TokenRejected)
    );
}

#[test]
fn a_token_with_the_id_of_another_key_is_rejected() {
    let both = keys(1, &[2]);
    let parts = valid_parts();
    let mut bytes = issued().bytes().unwrap();
    for id in [key(2).id(), key(3).id()] {
        bytes[1..5].copy_from_slice(&id);
        let renamed = ResultToken(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let verified = both.verify(&renamed, &parts.binding(), at(ISSUED));
        assert_eq!(verified, Err(TokenRejected));
    }
}

#[test]
fn a_key_is_32_to_4096_bytes_and_occurs_once() {
    for length in [32, 33, 4096] {
        assert!(SigningKey::new(&vec![7; length]).is_ok(), "{length}");
    }
    for length in [0, 31, 4097] {
        let error = SigningKey::new(&vec![7; length]).unwrap_err();
        let expected = format!("must be 32 to 4096 bytes, not {length}");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(
        TokenKeys::new(key(1), vec![key(1)]).unwrap_err(),
        DuplicateKey
    );
    let twice = vec![key(2), key(3), key(2)];
    assert_eq!(TokenKeys::new(key(1), twice).unwrap_err(), DuplicateKey);
    let debug = format!("{:?}", keys(65, &[66]));
    assert_eq!(
        debug,
        "TokenKeys { signing: SigningKey(..), retired: [SigningKey(..)] }"
    );
}

#[test]
fn random_keys_reject_each_others_tokens() {
    let random = || TokenKeys::new(SigningKey::random().unwrap(), Vec::new()).unwrap();
    let parts = valid_parts();
    let token = random().issue(&parts.binding(), at(ISSUED + 180));
    let verified = random().verify(&token, &parts.binding(), at(ISSUED));
    assert_eq!(verified, Err(TokenRejected));
}

/// Short texts of few letters, so that concatenations of different parts are often equal.
fn parts() -> impl Strategy<Value = Parts> {
    let session = prop_oneof![Just(ID), Just(OTHER_ID)];
    ("[ab]{1,3}", "[ab\u{e9}]{0,3}", "[ab]{0,3}", session).prop_map(
        |(caller, subject, region, session)| Parts::new(&caller, &subject, &region, session),
    )
}

/// Removes the first part of `bytes` and returns it.
fn part(bytes: &mut &[u8]) -> Vec<u8> {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_be_bytes(length.try_into().unwrap());
    let (part, rest) = rest.split_at(usize::try_from(length).unwrap());
    *bytes = rest;
    part.to_vec()
}

proptest! {
    #[test]
    fn different_bindings_have_different_encodings(
        (one, other) in (parts(), parts()), heads in any::<(u8, u8)>(),
    ) {
        let same = one == other && heads.0 == heads.1;
        let encoded = one.binding().encode(&[heads.0]);
        prop_assert_eq!(encoded == other.binding().encode(&[heads.1]), same);
    }

    #[test]
    fn an_encoding_decodes_to_its_parts(parts in parts(), head in any::<[u8; 13]>()) {
        let encoded = parts.binding().encode(&head);
        let mut rest = encoded.as_slice();
        let decoded: Vec<Vec<u8>> = (0..6).map(|_| part(&mut rest)).collect();
        prop_assert!(rest.is_empty());
        let subject = parts.subject.as_ref().map(Subject::expose).unwrap_or_default();
        let session = parts.session.expose();
        let expected = [parts.caller.as_str(), subject, &parts.region, &session];
        prop_assert_eq!(&decoded[1], &head);
        prop_assert_eq!(&decoded[2..], expected.map(|text| text.as_bytes().to_vec()));
    }

    #[test]
    fn any_other_text_is_rejected_without_a_panic(
        text in prop_oneof!["\\PC*", "[A-Za-z0-9_-]{60}"],
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        for text in [text, encoded] {
            prop_assert_eq!(verify(&ResultToken::presented(&text), &valid_parts()), Err(TokenRejected));
        }
    }
}
