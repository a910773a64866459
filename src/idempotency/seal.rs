//! Authenticated encryption of a record's content in the store, with AES-256-GCM.
//!
//! The key is derived from the client request token, which is not stored. Only Livegate and
//! AWS know the token: it is a digest of the caller and the request id, a UUID from the
//! caller. So operators have no key to configure or rotate, and a reader of the store or its
//! backup would have to guess the UUID. Nor can a writer change what a record says: not the
//! session id, the times, from which its expiry is computed, or the parameters.
//!
//! Each key encrypts the few versions of one record, each with a random nonce. Content that
//! is copied to another record, or has another format version, does not decrypt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::model::{SessionId, unix_time};

/// The version of the record's format.
pub(super) const FORMAT_VERSION: &str = "1";

const NONCE_LENGTH: usize = 12;

/// What a record says about its request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordContent {
    /// The digest of the parameters.
    pub(super) parameters: String,
    /// When the session was created at the earliest, by the sender's wall clock.
    pub(super) at: SystemTime,
    /// The same by the store's clock.
    pub(super) store_time: SystemTime,
    /// The session, once it exists.
    pub(super) session: Option<SessionId>,
}

/// The encryption key of one record. `Debug` hides it.
#[derive(Clone, derive_more::Debug)]
#[debug("Seal(..)")]
pub(super) struct Seal([u8; 32]);

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(*key)
    }

    /// Encrypts `content`. Returns `None` if the system provides no randomness.
    pub(super) fn seal(&self, content: &RecordContent) -> Option<String> {
        let mut text = content.encode().into_bytes();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()?;
        let nonce = key.seal_in_place_append_tag(Aad::from(FORMAT_VERSION.as_bytes()), &mut text);
        let sealed = [nonce.ok()?.as_ref().as_slice(), &text].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Decrypts content. Returns `None` if it was not encrypted with this key.
    pub(super) fn open(&self, stored: &str) -> Option<RecordContent> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(stored).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LENGTH)?;
        let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()?;
        let mut text = text.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(FORMAT_VERSION.as_bytes()), &mut text);
        RecordContent::parse(std::str::from_utf8(opened.ok()?).ok()?)
    }
}

impl RecordContent {
    /// Returns the fields as text, separated by spaces. Times are in ns since 1970.
    fn encode(&self) -> String {
        let [at, store_time] = [self.at, self.store_time].map(|at| unix_time(at).as_nanos());
        let session = self.session.map(|session| session.expose());
        let session = session.as_deref().unwrap_or("-");
        format!("{} {at} {store_time} {session}", self.parameters)
    }

    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split(' ').collect();
        let [parameters, at, store_time, session] = fields[..] else {
            return None;
        };
        Some(Self {
            parameters: parameters.to_owned(),
            at: time(at)?,
            store_time: time(store_time)?,
            session: match session {
                "-" => None,
                id => Some(SessionId::parse(id).ok()?),
            },
        })
    }
}

fn time(nanos: &str) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanos.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_decrypts_content() {
        let session = SessionId::parse("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10").expect("a UUID");
        let at = UNIX_EPOCH + Duration::new(2_000_000_000, 123_456_789);
        for session in [None, Some(session)] {
            let content = RecordContent {
                parameters: "digest".to_owned(),
                at,
                store_time: at - Duration::from_secs(1),
                session,
            };
            let stored = Seal::new(&[7; 32]).seal(&content).expect("randomness");
            assert_eq!(Seal::new(&[7; 32]).open(&stored).as_ref(), Some(&content));
            assert_eq!(Seal::new(&[8; 32]).open(&stored), None);
            assert_eq!(Seal::new(&[7; 32]).open(&stored[1..]), None);
            assert_eq!(Seal::new(&[7; 32]).open(""), None);
            assert_ne!(Seal::new(&[7; 32]).seal(&content), Some(stored));
        }
    }
}
