//! How a session id lies in the store: sealed with AES-256-GCM.
//!
//! The key is derived from the client request token, which is not in the store
//! and which only Livegate and AWS know: it is a digest of the caller and of the
//! request id, a UUID that the caller made. So nobody has a key to configure,
//! keep or rotate, and who reads the store, or a backup of it, would have to guess
//! the UUID. Each key seals one session, each time with a nonce of its own.
//!
//! An example: 36 characters become 12 of nonce, 36 of text and 16 of tag, 86 in
//! base64. A record copied to another name does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::model::SessionId;

const NONCE: usize = 12;

/// The seal of one record. It does not show in `Debug`.
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

    /// The session as it may be kept; `None` where the system has no randomness.
    pub(super) fn close(&self, session: &SessionId) -> Option<String> {
        let mut text = session.expose().into_bytes();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()?;
        let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut text).ok()?;
        let sealed = [nonce.as_ref().as_slice(), &text].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The session that was kept; `None` where it was not sealed with this.
    pub(super) fn open(&self, kept: &str) -> Option<SessionId> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(kept).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
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
    fn only_the_seal_that_closed_it_opens_it_and_the_text_is_not_seen() {
        let session = SessionId::parse("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10").expect("a UUID");
        let kept = Seal::new(&[7; 32]).close(&session).expect("randomness");
        assert_eq!(Seal::new(&[7; 32]).open(&kept), Some(session));
        assert_eq!(Seal::new(&[8; 32]).open(&kept), None);
        assert_eq!(Seal::new(&[7; 32]).open(&kept[1..]), None);
        assert_eq!(Seal::new(&[7; 32]).open(""), None);
        assert_eq!(kept.len(), 86);
        assert_ne!(Seal::new(&[7; 32]).close(&session), Some(kept));
    }
}
