//! Who asks, for what, and the name AWS knows it by.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Subject;

/// How long a session lives after it was issued, and its result with it.
/// Source: the Amazon Rekognition developer guide, "Face Liveness".
pub const SESSION_LIFE: Duration = Duration::from_secs(180);

/// An internal service that calls Livegate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerId(Arc<str>);

impl CallerId {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// The one caller of a Livegate that does not ask who calls.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(Arc::from("anonymous"))
    }

    /// A caller by name: 1 to 128 printable ASCII characters, no spaces.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&name.len());
        (fits && name.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(Arc::from(name)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no UUID of 36 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID of 36 characters, neither nil nor max")]
pub struct MalformedUuid;

/// A session's name at AWS: a lower-case UUID. Whoever holds it can stream a
/// check to it, so it does not show in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    /// Reads a session id.
    ///
    /// # Errors
    /// Where `text` is not a lower-case UUID of 36 characters.
    pub fn parse(text: &str) -> Result<Self, MalformedUuid> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(MalformedUuid);
        }
        hyphenated(text).map(Self)
    }

    /// The id in its 36 characters, to hand to the one who asked for it.
    #[must_use]
    pub fn expose(&self) -> String {
        self.0.hyphenated().to_string()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// A caller's name for one session that it wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Reads a request id, in upper or lower case.
    ///
    /// # Errors
    /// Where `text` is not a UUID of 36 characters, or is the nil or the max
    /// UUID: a caller that forgets to fill its id in must not share a session.
    pub fn parse(text: &str) -> Result<Self, MalformedUuid> {
        let id = hyphenated(text)?;
        if id.is_nil() || id.is_max() {
            return Err(MalformedUuid);
        }
        Ok(Self(id))
    }

    /// When the id was made, since the Unix epoch, where it says so (version 7).
    #[must_use]
    pub fn made_at(&self) -> Option<Duration> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Some(Duration::new(seconds, nanos))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestId(..)")
    }
}

fn hyphenated(text: &str) -> Result<Uuid, MalformedUuid> {
    // `Uuid` reads four forms; only the hyphenated one has 36 characters.
    if text.len() != 36 {
        return Err(MalformedUuid);
    }
    Uuid::try_parse(text).map_err(|_| MalformedUuid)
}

/// The name under which AWS makes a session at most once: 43 characters of
/// `A-Z a-z 0-9 - _`.
///
/// It is derived, not stored, so every replica derives the same one; and not
/// the caller's raw id, which another caller could repeat to be handed a
/// stranger's session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientRequestToken(String);

impl ClientRequestToken {
    /// The token of `caller`'s request `id` for `subject`: SHA-256 over all three,
    /// each with its length before it. With the same id, another subject has
    /// another session. Of the subject it tells nothing to whoever does not know
    /// the id.
    #[must_use]
    pub fn derive(caller: &CallerId, id: &RequestId, subject: Option<&Subject>) -> Self {
        let subject = subject.map(|subject| subject.expose().as_bytes());
        let parts = [
            Some(caller.as_str().as_bytes()),
            Some(id.0.as_bytes()),
            subject,
        ];
        Self::digest(parts.into_iter().flatten())
    }

    /// A token that nobody else has, for a caller that sent no request id.
    #[must_use]
    pub fn random() -> Self {
        Self::digest([&b""[..], Uuid::new_v4().as_bytes()])
    }

    /// The 43 characters, to send.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(BASE64_URL_SAFE_NO_PAD.encode(hash.finalize()))
    }
}

impl fmt::Debug for ClientRequestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientRequestToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

    fn caller(name: &str) -> CallerId {
        CallerId::new(name).expect("a plain name")
    }

    #[test]
    fn a_token_is_the_same_for_the_same_caller_and_id_whatever_the_case() {
        let lower = RequestId::parse(ID).expect("a UUID");
        let upper = RequestId::parse(&ID.to_uppercase()).expect("a UUID");
        let token = ClientRequestToken::derive(&caller("payments"), &lower, None);
        assert_eq!(
            token,
            ClientRequestToken::derive(&caller("payments"), &upper, None)
        );
        assert_eq!(token.expose().len(), 43);
        assert!(
            token
                .expose()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }

    #[test]
    fn a_token_differs_by_caller_and_a_random_one_from_every_other() {
        let id = RequestId::parse(ID).expect("a UUID");
        let first = ClientRequestToken::derive(&caller("payments"), &id, None);
        assert_ne!(
            first,
            ClientRequestToken::derive(&caller("onboarding"), &id, None)
        );
        let subject = |name| Subject::parse(name).ok();
        let jane = ClientRequestToken::derive(&caller("payments"), &id, subject("jane").as_ref());
        let joan = ClientRequestToken::derive(&caller("payments"), &id, subject("joan").as_ref());
        assert!(first != jane && first != joan && jane != joan);
        assert_ne!(ClientRequestToken::random(), ClientRequestToken::random());
    }

    #[test]
    fn a_session_id_is_a_lower_case_uuid_of_36_characters() {
        assert_eq!(
            SessionId::parse(ID).map(|id| id.expose()),
            Ok(ID.to_owned())
        );
        for wrong in [
            "",
            "x",
            &ID.to_uppercase(),
            &ID.replace('-', ""),
            &format!("{{{ID}}}"),
        ] {
            assert_eq!(SessionId::parse(wrong), Err(MalformedUuid), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_version_7_says_when_it_was_made() {
        let made = uuid::Timestamp::from_unix(uuid::NoContext, 1_700_000_000, 0);
        let seven = RequestId::parse(&Uuid::new_v7(made).to_string()).expect("a UUID");
        assert_eq!(seven.made_at().map(|at| at.as_secs()), Some(1_700_000_000));
        assert_eq!(RequestId::parse(ID).expect("a UUID").made_at(), None);
    }

    #[test]
    fn nothing_secret_shows_in_debug() {
        let id = RequestId::parse(ID).expect("a UUID");
        let session = SessionId::parse(ID).expect("a UUID");
        let shown = format!("{id:?} {session:?} {:?}", ClientRequestToken::random());
        assert_eq!(shown, "RequestId(..) SessionId(..) ClientRequestToken(..)");
    }

    #[test]
    fn a_caller_has_a_printable_name_of_bounded_length() {
        assert!(CallerId::new("spiffe://example.org/ns/a/sa/b").is_some());
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert_eq!(CallerId::new(wrong), None, "{wrong:?}");
        }
    }
}
