//! Identifiers of callers, sessions and requests.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Subject, length_prefixed};

/// The lifetime of a session and its result, from when the session was created.
/// Source: the Amazon Rekognition developer guide, "Face Liveness".
pub const SESSION_LIFE: Duration = Duration::from_secs(180);

/// An internal service that calls Livegate.
#[derive(Clone, Debug, derive_more::Display, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerId(Arc<str>);

impl CallerId {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// The metrics' label value for all callers beyond the bound on series. No caller has
    /// this name.
    pub const OVERFLOW: &str = "_overflow";

    /// Returns the caller of every request when authentication is off.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(Arc::from("anonymous"))
    }

    /// Returns the caller `name`, or `None` unless it is 1 to 128 printable ASCII
    /// characters without spaces and not `_overflow`.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let valid = (1..=Self::MAX_LENGTH).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic())
            && name != Self::OVERFLOW;
        valid.then(|| Self(Arc::from(name)))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a valid UUID in its hyphenated format of 36 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID of 36 characters, neither nil nor max")]
pub struct MalformedUuid;

/// The id of a session at AWS: a lower-case UUID.
///
/// Anyone who has the id can stream a video to the session, so `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, derive_more::Debug)]
#[debug("SessionId(..)")]
pub struct SessionId(Uuid);

impl SessionId {
    /// Parses a session id.
    ///
    /// # Errors
    /// If `text` is not a lower-case UUID of 36 characters.
    pub fn parse(text: &str) -> Result<Self, MalformedUuid> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(MalformedUuid);
        }
        hyphenated(text).map(Self)
    }

    /// Returns the id as text, to send to its caller.
    #[must_use]
    pub fn expose(&self) -> String {
        self.0.hyphenated().to_string()
    }
}

/// The caller's id for one session: an idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, derive_more::Debug)]
#[debug("RequestId(..)")]
pub struct RequestId(Uuid);

impl RequestId {
    /// Parses a request id in upper or lower case.
    ///
    /// # Errors
    /// If `text` is not a UUID of 36 characters, or is the nil or max UUID: callers that
    /// forget to set the id must not share a session.
    pub fn parse(text: &str) -> Result<Self, MalformedUuid> {
        let id = hyphenated(text)?;
        if id.is_nil() || id.is_max() {
            return Err(MalformedUuid);
        }
        Ok(Self(id))
    }

    /// Returns when the id was created, since the Unix epoch. Only version 7 ids contain it
    /// ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)).
    #[must_use]
    pub fn created_at(&self) -> Option<Duration> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Some(Duration::new(seconds, nanos))
    }
}

fn hyphenated(text: &str) -> Result<Uuid, MalformedUuid> {
    // `Uuid` parses four formats; only the hyphenated one has 36 characters.
    if text.len() != 36 {
        return Err(MalformedUuid);
    }
    Uuid::try_parse(text).map_err(|_| MalformedUuid)
}

/// The idempotency token for AWS, which creates at most one session per token: 43
/// characters of `A-Z a-z 0-9 - _`.
///
/// The token is derived, not stored, so every replica derives the same one. It is not the
/// caller's request id itself: another caller could send the same id and receive a session
/// that is not its own.
#[derive(Clone, PartialEq, Eq, Hash, derive_more::Debug)]
#[debug("ClientRequestToken(..)")]
pub struct ClientRequestToken(String);

impl ClientRequestToken {
    /// Derives the token of a request: SHA-256 over `caller`, `id` and `subject`, each
    /// prefixed with its length.
    ///
    /// The same id with another subject gives another token, so another session. Without
    /// the id, the token reveals nothing about the subject.
    #[must_use]
    pub fn derive(caller: &CallerId, id: &RequestId, subject: Option<&Subject>) -> Self {
        let subject = subject.map(|subject| subject.expose().as_bytes());
        let parts = [
            Some(caller.as_str().as_bytes()),
            Some(id.0.as_bytes()),
            subject,
        ];
        Self::digest(&length_prefixed(parts.into_iter().flatten()))
    }

    /// Returns a unique token, for a request without a request id.
    #[must_use]
    pub fn random() -> Self {
        Self::digest(Uuid::new_v4().as_bytes())
    }

    /// Returns the token as text, to send to AWS.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn digest(bytes: &[u8]) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

    fn caller(name: &str) -> CallerId {
        CallerId::new(name).expect("a valid name")
    }

    #[test]
    fn a_token_is_the_same_for_the_same_caller_and_id_in_any_case() {
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
    fn tokens_differ_by_caller_and_subject_and_random_tokens_are_unique() {
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
        for invalid in [
            "",
            "x",
            &ID.to_uppercase(),
            &ID.replace('-', ""),
            &format!("{{{ID}}}"),
        ] {
            assert_eq!(SessionId::parse(invalid), Err(MalformedUuid), "{invalid:?}");
        }
    }

    #[test]
    fn only_a_version_7_id_contains_its_creation_time() {
        let created = uuid::Timestamp::from_unix(uuid::NoContext, 1_700_000_000, 0);
        let seven = RequestId::parse(&Uuid::new_v7(created).to_string()).expect("a UUID");
        assert_eq!(
            seven.created_at().map(|at| at.as_secs()),
            Some(1_700_000_000)
        );
        assert_eq!(RequestId::parse(ID).expect("a UUID").created_at(), None);
    }

    #[test]
    fn debug_hides_ids_and_tokens() {
        let id = RequestId::parse(ID).expect("a UUID");
        let session = SessionId::parse(ID).expect("a UUID");
        let text = format!("{id:?} {session:?} {:?}", ClientRequestToken::random());
        assert_eq!(text, "RequestId(..) SessionId(..) ClientRequestToken(..)");
    }

    #[test]
    fn a_caller_name_is_1_to_128_printable_ascii_characters() {
        assert!(CallerId::new("spiffe://example.org/ns/a/sa/b").is_some());
        for invalid in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert_eq!(CallerId::new(invalid), None, "{invalid:?}");
        }
    }

    #[test]
    fn the_overflow_label_is_not_a_caller_name() {
        assert_eq!(CallerId::new("_overflow"), None);
        assert!(CallerId::new("_overflow2").is_some());
    }
}
