//! A signing key and its id.
//!
//! The id of a key is the first 4 bytes of an HMAC with that key over a fixed label. Every
//! token contains the id of its key. Two replicas with the same key file compute the same
//! id, and the id does not reveal the key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(super) const ID_LENGTH: usize = 4;
pub(super) const TAG_LENGTH: usize = 32;

/// The label whose HMAC is the key's id. Signed bindings begin with another prefix.
const ID_LABEL: &[u8] = b"livegate result token, key id";

/// The id of a key, which is not secret.
pub(super) type KeyId = [u8; ID_LENGTH];

/// A secret of 32 to 4096 bytes. `Debug` hides it.
#[derive(Clone, derive_more::Debug)]
#[debug("SigningKey(..)")]
pub struct SigningKey {
    id: KeyId,
    mac: Hmac<Sha256>,
}

/// The number of bytes is not a valid key length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {min} to {max} bytes, not {0}", min = SigningKey::MIN_LENGTH, max = SigningKey::MAX_LENGTH)]
pub struct InvalidKeyLength(usize);

impl SigningKey {
    /// The shortest key, in bytes: as long as the HMAC that it computes.
    pub const MIN_LENGTH: usize = 32;
    /// The longest key, in bytes. A longer file is probably not a key.
    pub const MAX_LENGTH: usize = 4096;

    /// Creates a key from all bytes of `secret`.
    ///
    /// # Errors
    /// If `secret` is shorter than 32 or longer than 4096 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, InvalidKeyLength> {
        Self::check_length(secret)?;
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        let mut id = KeyId::default();
        id.copy_from_slice(&tag_of(&mac, ID_LABEL)[..ID_LENGTH]);
        Ok(Self { id, mac })
    }

    /// Checks the length of `secret`.
    ///
    /// # Errors
    /// If `secret` is shorter than 32 or longer than 4096 bytes.
    pub fn check_length(secret: &[u8]) -> Result<(), InvalidKeyLength> {
        if (Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&secret.len()) {
            Ok(())
        } else {
            Err(InvalidKeyLength(secret.len()))
        }
    }

    /// Generates a random key.
    ///
    /// # Errors
    /// If the system provides no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut secret = [0; Self::MIN_LENGTH];
        getrandom::fill(&mut secret)?;
        Ok(Self::new(&secret).expect("32 bytes are enough"))
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn tag(&self, message: &[u8]) -> [u8; TAG_LENGTH] {
        tag_of(&self.mac, message)
    }

    /// Returns whether `tag` is the HMAC of `message`, in constant time.
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
