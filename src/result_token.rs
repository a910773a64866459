//! Result tokens: stateless bearer tokens that authorize reading one session's result.
//!
//! A token binds a caller, a subject, a region, a session and an expiry time with
//! HMAC-SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)). It contains none of
//! the first four, so it reveals nothing about them. The reader's request supplies them
//! again for verification. Nothing is stored: every replica with the same keys can verify
//! a token. This module owns the encoding and the keys. It knows no wire format, no files
//! and no clock.
//!
//! # Keys
//!
//! - The *signing* key is the first key. It signs new tokens.
//! - The *retired* keys are the other keys. Their tokens still verify.
//!
//! To rotate keys, every replica must have a key before any replica signs with it: add the
//! new key after the first one on all replicas, then make it the first on all replicas.
//! Remove the old key when its last token has expired.
//!
//! # Format
//!
//! ```text
//! byte 0        1        5                13                               45
//!      | version | key id | expiry, seconds | HMAC-SHA-256 of 0..13 and binding |
//! ```
//!
//! The 45 bytes are 60 characters of URL-safe base64 without padding or unused bits, so
//! each token has exactly one text. For example, the token of a session created at 12:00:00
//! expires at 12:03:00 and verifies until 12:04:00, because the clocks of replicas may
//! differ. At 12:00:20 the same caller with another subject gets the same error as for a
//! random text.

mod binding;
mod key;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

pub use binding::Binding;
pub use key::{InvalidKeyLength, SigningKey};

use crate::model::unix_time;
use key::{KeyId, TAG_LENGTH};

/// The format version, which is the first byte of every token.
const VERSION: u8 = 1;
const EXPIRY_LENGTH: usize = 8;
const HEAD_LENGTH: usize = 1 + key::ID_LENGTH + EXPIRY_LENGTH;
const LENGTH: usize = HEAD_LENGTH + TAG_LENGTH;

/// How long a token still verifies after its expiry: the accepted difference between the
/// clocks of two replicas.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// A token, issued or presented by a caller. A presented token may be any text. `Debug`
/// hides it.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[debug("ResultToken(..)")]
pub struct ResultToken(String);

impl ResultToken {
    /// The length of a token, in characters.
    pub const LENGTH: usize = LENGTH / 3 * 4;

    /// Wraps the text that a caller presents. [`TokenKeys::verify`] checks it.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text, to send to its caller.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Decodes the text, or returns `None` if it does not have the format of a token.
    fn bytes(&self) -> Option<[u8; LENGTH]> {
        if self.0.len() != Self::LENGTH {
            return None;
        }
        BASE64_URL_SAFE_NO_PAD.decode(&self.0).ok()?.try_into().ok()
    }
}

/// The token does not match the binding or has expired. The error does not reveal which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not for this caller, subject, region and session, or has expired")]
pub struct TokenRejected;

/// The same key occurs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two of the keys are the same")]
pub struct DuplicateKey;

/// The keys of a deployment. All replicas share them.
#[derive(Clone, Debug)]
pub struct TokenKeys {
    signing: SigningKey,
    retired: Vec<SigningKey>,
}

impl TokenKeys {
    /// Signs tokens with `signing` and also verifies tokens of the `retired` keys.
    ///
    /// # Errors
    /// If a key occurs twice.
    pub fn new(signing: SigningKey, retired: Vec<SigningKey>) -> Result<Self, DuplicateKey> {
        let mut ids: Vec<KeyId> = retired.iter().map(SigningKey::id).collect();
        ids.push(signing.id());
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DuplicateKey);
        }
        Ok(Self { signing, retired })
    }

    /// Issues the token of `binding` for a session that expires at `expire_time`.
    #[must_use]
    pub fn issue(&self, binding: &Binding<'_>, expire_time: SystemTime) -> ResultToken {
        let head = head(self.signing.id(), seconds(expire_time));
        let tag = self.signing.tag(&binding.encode(&head));
        let token = [head.as_slice(), tag.as_slice()].concat();
        ResultToken(BASE64_URL_SAFE_NO_PAD.encode(token))
    }

    /// Verifies that `token` was issued for `binding` and has not expired at `now`. Returns
    /// its expiry.
    ///
    /// Verification takes the same time for every text with the format of a token.
    ///
    /// # Errors
    /// [`TokenRejected`] in all other cases.
    pub fn verify(
        &self,
        token: &ResultToken,
        binding: &Binding<'_>,
        now: SystemTime,
    ) -> Result<SystemTime, TokenRejected> {
        let bytes = token.bytes().ok_or(TokenRejected)?;
        let (head, tag) = bytes.split_at(HEAD_LENGTH);
        let (front, expiry) = head.split_at(HEAD_LENGTH - EXPIRY_LENGTH);
        let expiry = expiry.try_into().map(u64::from_be_bytes);
        let expiry = expiry.map_err(|_| TokenRejected)?;
        // The tag covers the presented head. A head with an unknown key id is checked
        // against the signing key, whose tag cannot match it.
        let retired = self.retired.iter().find(|key| key.id() == front[1..]);
        let is_authentic = retired
            .unwrap_or(&self.signing)
            .verifies(&binding.encode(head), tag);
        let leeway = CLOCK_LEEWAY.as_secs();
        let is_live = seconds(now) <= expiry.saturating_add(leeway);
        if is_authentic & is_live & (front[0] == VERSION) {
            let expire_time = UNIX_EPOCH.checked_add(Duration::from_secs(expiry));
            expire_time.ok_or(TokenRejected)
        } else {
            Err(TokenRejected)
        }
    }
}

fn head(key: KeyId, expiry: u64) -> [u8; HEAD_LENGTH] {
    let mut head = [VERSION; HEAD_LENGTH];
    head[1..=key::ID_LENGTH].copy_from_slice(&key);
    head[1 + key::ID_LENGTH..].copy_from_slice(&expiry.to_be_bytes());
    head
}

/// Returns whole seconds since the Unix epoch, rounded up.
fn seconds(time: SystemTime) -> u64 {
    let elapsed = unix_time(time);
    elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
