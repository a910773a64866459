//! Result tokens: who holds one may read the result that it is for, and no other.
//!
//! A token binds a caller, a subject, a region, a session and an expiry to one
//! another by HMAC-SHA-256. It holds none of the first four, so that nothing can
//! be learnt from it. Whoever presents it says them again, and the token is right
//! or it is not. Nothing is stored: every replica with the same keys can tell.
//! This room owns the encoding and the keys. It knows no wire, no file and no
//! clock.
//!
//! # The terms
//!
//! - The *signing* key is the first one; tokens are made with it.
//! - The *retired* keys are the others; tokens made with them are still right.
//!   Every replica must know a key before any signs with it: add it behind the
//!   first one everywhere, then make it the first one everywhere, and drop the old
//!   one once its last token has expired.
//!
//! # An example
//!
//! ```text
//! byte 0        1        5                13                               45
//!      | version | key id | expiry, seconds | HMAC-SHA-256 of 0..13 and binding |
//! ```
//!
//! That is 60 characters of URL-safe base64, with no padding and no bit to spare,
//! so no two texts are one token. A session issued at 12:00:00 has a token that
//! expires at 12:03:00, and is believed until 12:04:00 for the sake of replicas
//! whose clocks differ. At 12:00:20 the same caller with another subject is turned
//! away as if the token were noise.

mod binding;
mod key;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

pub use binding::Binding;
pub use key::{SigningKey, UnfitKey};

use key::{KeyId, TAG_LENGTH};

/// The first byte of every token.
const VERSION: u8 = 1;
const EXPIRY_LENGTH: usize = 8;
const HEAD_LENGTH: usize = 1 + key::ID_LENGTH + EXPIRY_LENGTH;
const LENGTH: usize = HEAD_LENGTH + TAG_LENGTH;

/// How long after its expiry a token is still believed: how far apart the clocks
/// of two replicas may be.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// A token as it was made, or as somebody presents it: any text. It does not show
/// in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ResultToken(String);

impl ResultToken {
    /// The length of a token, in characters.
    pub const LENGTH: usize = LENGTH / 3 * 4;

    /// What somebody presents. Whether it is right, [`TokenKeys::verify`] tells.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, to hand to the one who asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes of what has the form of a token.
    fn bytes(&self) -> Option<[u8; LENGTH]> {
        if self.0.len() != Self::LENGTH {
            return None;
        }
        BASE64_URL_SAFE_NO_PAD.decode(&self.0).ok()?.try_into().ok()
    }
}

impl fmt::Debug for ResultToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultToken(..)")
    }
}

/// The token is not for this binding, or not any more; it does not say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not for this caller, subject, region and session, or has expired")]
pub struct NotBound;

/// Two keys that cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two of the keys are the same")]
pub struct SameKey;

/// The keys of one Livegate.
#[derive(Clone, Debug)]
pub struct TokenKeys {
    signing: SigningKey,
    retired: Vec<SigningKey>,
}

impl TokenKeys {
    /// Makes tokens with `signing`, and believes those of `retired` keys too.
    ///
    /// # Errors
    /// Where one key is there twice.
    pub fn new(signing: SigningKey, retired: Vec<SigningKey>) -> Result<Self, SameKey> {
        let mut ids: Vec<KeyId> = retired.iter().map(SigningKey::id).collect();
        ids.push(signing.id());
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(SameKey);
        }
        Ok(Self { signing, retired })
    }

    /// The token of `binding`, for a session that is gone at `expire_time`.
    #[must_use]
    pub fn issue(&self, binding: &Binding<'_>, expire_time: SystemTime) -> ResultToken {
        let head = head(self.signing.id(), seconds(expire_time));
        let tag = self.signing.tag(&binding.encode(&head));
        let token = [head.as_slice(), tag.as_slice()].concat();
        ResultToken(BASE64_URL_SAFE_NO_PAD.encode(token))
    }

    /// Whether `token` is the one of `binding`, at `now`. Of two tokens that have
    /// the form, it takes as long for a right one as for a wrong one.
    ///
    /// # Errors
    /// [`NotBound`] in all other cases.
    pub fn verify(
        &self,
        token: &ResultToken,
        binding: &Binding<'_>,
        now: SystemTime,
    ) -> Result<(), NotBound> {
        let bytes = token.bytes().ok_or(NotBound)?;
        let (head, tag) = bytes.split_at(HEAD_LENGTH);
        let (front, expiry) = head.split_at(HEAD_LENGTH - EXPIRY_LENGTH);
        let expiry = expiry.try_into().map(u64::from_be_bytes);
        let expiry = expiry.map_err(|_| NotBound)?;
        // The head is under the tag as it came: one that names another key, or
        // none that is known, does not fit the tag of the signing key.
        let known = self.retired.iter().find(|key| key.id() == front[1..]);
        let is_ours = known
            .unwrap_or(&self.signing)
            .verifies(&binding.encode(head), tag);
        let leeway = CLOCK_LEEWAY.as_secs();
        let is_live = seconds(now) <= expiry.saturating_add(leeway);
        if is_ours & is_live & (front[0] == VERSION) {
            Ok(())
        } else {
            Err(NotBound)
        }
    }
}

fn head(key: KeyId, expiry: u64) -> [u8; HEAD_LENGTH] {
    let mut head = [VERSION; HEAD_LENGTH];
    head[1..=key::ID_LENGTH].copy_from_slice(&key);
    head[1 + key::ID_LENGTH..].copy_from_slice(&expiry.to_be_bytes());
    head
}

/// Whole seconds since the Unix epoch, rounded up.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() + u64::from(since.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
