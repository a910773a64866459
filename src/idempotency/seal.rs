//! Encryption of session ids in the store, with AES-256-GCM.
//!
//! The key is derived from the client request token, which is not stored. Only Livegate and
//! AWS know the token: it is a digest of the caller and the request id, a UUID from the
//! caller. So operators have no key to configure or rotate, and a reader of the store or its
//! backup would have to guess the UUID. Each key encrypts one session, each time with a
//! random nonce.
//!
//! For example, the 36 characters of a session id become 12 bytes of nonce, 36 of ciphertext
//! and 16 of tag: 86 characters in base64. A value copied to another record does not decrypt.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::model::SessionId;

const NONCE_LENGTH: usize = 12;

/// The encryption key of one record. `Debug` hides it.
#[derive(Clone)]
pub(super) struct Seal([u8; 32]);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(*key)
    }

    /// Encrypts `session`. Returns `None` if the system provides no randomness.
    pub(super) fn seal(&self, session: &SessionId) -> Option<String> {
        let mut text = session.expose().into_bytes();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()?;
        let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut text).ok()?;
        let sealed = [nonce.as_ref().as_slice(), &text].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Decrypts a session. Returns `None` if it was not encrypted with this key.
    pub(super) fn open(&self, stored: &str) -> Option<SessionId> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(stored).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LENGTH)?;
        let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()?;
        let mut text = text.to_vec();
        let opened = key.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        SessionId::parse(std::str::from_utf8(opened).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_decrypts_a_session() {
        let session = SessionId::parse("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10").expect("a UUID");
        let stored = Seal::new(&[7; 32]).seal(&session).expect("randomness");
        assert_eq!(Seal::new(&[7; 32]).open(&stored), Some(session));
        assert_eq!(Seal::new(&[8; 32]).open(&stored), None);
        assert_eq!(Seal::new(&[7; 32]).open(&stored[1..]), None);
        assert_eq!(Seal::new(&[7; 32]).open(""), None);
        assert_eq!(stored.len(), 86);
        assert_ne!(Seal::new(&[7; 32]).seal(&session), Some(stored));
    }
}
