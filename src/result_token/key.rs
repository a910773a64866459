//! One secret, and what is done with it.
//!
//! An example: the file of a key holds 32 random bytes. Its id, which stands in
//! every token that it made, is the first 4 bytes of an HMAC of it: two replicas
//! with the same file agree on it, and nobody learns the key from it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(super) const ID_LENGTH: usize = 4;
pub(super) const TAG_LENGTH: usize = 32;

/// What the HMAC that gives a key its id is of. Whatever a token is of begins
/// with other bytes.
const ID_LABEL: &[u8] = b"livegate result token, key id";

/// The name of a key, which is no secret.
pub(super) type KeyId = [u8; ID_LENGTH];

/// A secret of at least 32 bytes. It does not show in `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    id: KeyId,
    mac: Hmac<Sha256>,
}

/// Bytes that are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {least} to {most} bytes, not {0}", least = SigningKey::LEAST, most = SigningKey::MOST)]
pub struct UnfitKey(usize);

impl SigningKey {
    /// The shortest key, in bytes: as long as what it makes.
    pub const LEAST: usize = 32;
    /// The longest key, in bytes: what is longer is some other file.
    pub const MOST: usize = 4096;

    /// A key of these bytes, all of which count.
    ///
    /// # Errors
    /// Where they are fewer than 32 or more than 4096.
    pub fn new(secret: &[u8]) -> Result<Self, UnfitKey> {
        Self::fits(secret)?;
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        let mut id = KeyId::default();
        id.copy_from_slice(&tag_of(&mac, ID_LABEL)[..ID_LENGTH]);
        Ok(Self { id, mac })
    }

    /// Whether there could be a key of these bytes.
    ///
    /// # Errors
    /// Where they are fewer than 32 or more than 4096.
    pub fn fits(secret: &[u8]) -> Result<(), UnfitKey> {
        if (Self::LEAST..=Self::MOST).contains(&secret.len()) {
            Ok(())
        } else {
            Err(UnfitKey(secret.len()))
        }
    }

    /// A key that nobody else has.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut secret = [0; Self::LEAST];
        getrandom::fill(&mut secret)?;
        Ok(Self::new(&secret).expect("32 bytes are enough"))
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn tag(&self, message: &[u8]) -> [u8; TAG_LENGTH] {
        tag_of(&self.mac, message)
    }

    /// Whether `tag` is the one of `message`, in constant time.
    pub(super) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        let mut mac = self.mac.clone();
        mac.update(message);
        mac.verify_slice(tag).is_ok()
    }
}

fn tag_of(mac: &Hmac<Sha256>, message: &[u8]) -> [u8; TAG_LENGTH] {
    let mut mac = mac.clone();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}
