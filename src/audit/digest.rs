//! Keyed digests (HMAC-SHA-256, truncated to 16 bytes) of values that must not be
//! readable. The same value and key give the same digest.
//!
//! For example, two records with the `subject_digest` `mJ0q...` are about the same end
//! user. With the key, the digest of a known subject can be computed and compared:
//!
//! ```sh
//! printf 'subject\0%s' user-7 | openssl dgst -sha256 -mac HMAC -binary \
//!   -macopt "hexkey:$(xxd -p -c 9999 KEYFILE)" | head -c 16 | basenc --base64url | tr -d =
//! ```

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::model::{SessionId, Subject};

/// How many of the 32 bytes are kept: collisions become likely at about 2^64 values.
const DIGEST_BYTES: usize = 16;

/// The digest key. `Debug` hides it.
#[derive(Clone, derive_more::Debug)]
#[debug("DigestKey(..)")]
pub struct DigestKey(Hmac<Sha256>);

impl DigestKey {
    /// Returns a key of these bytes, of any length.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// Returns the digest of an end user.
    #[must_use]
    pub fn subject(&self, subject: &Subject) -> String {
        self.digest(b"subject\0", subject.expose())
    }

    /// Returns the digest of a session.
    #[must_use]
    pub fn session(&self, session: &SessionId) -> String {
        self.digest(b"session\0", &session.expose())
    }

    fn digest(&self, label: &[u8], value: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(label);
        mac.update(value.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..DIGEST_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_key_the_kind_and_the_value() {
        let id = "01890a5d-ac96-474b-8cce-b302099a8057";
        let (session, subject) = (SessionId::parse(id).unwrap(), Subject::parse(id).unwrap());
        let (one, other) = (DigestKey::new(&[1; 32]), DigestKey::new(&[2; 32]));
        assert_eq!(one.session(&session), one.session(&session));
        assert_ne!(one.session(&session), other.session(&session));
        assert_ne!(one.session(&session), one.subject(&subject));
        assert_eq!(one.session(&session).len(), 22);
        assert!(!one.subject(&subject).contains(&id[..8]));
    }
}
