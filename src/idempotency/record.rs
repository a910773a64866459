//! What is kept of one request id, and under what name.
//!
//! A record's name and the key that seals its session are both derived from the
//! token, each in its own way, and the token itself is not kept: who reads the
//! store learns neither the token nor a session.
//!
//! An example: the token `q3…` has the record `9f…`, SHA-256 over `record` and the
//! token. Its parameters are SHA-256 over every field that is set, each with its
//! name and its length before it, so a field that a later version adds does not
//! change the digest of those that do not set it. Of a profile the name counts, not
//! what it holds: that may change while a session of it lives.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::seal::Seal;
use crate::model::{
    ChallengeType, ClientRequestToken, RequestedSettings, SESSION_LIFE, SessionId, SessionSettings,
};

/// The name of a record, what it is bound to, and the seal of its session.
#[derive(Clone, Debug)]
pub(super) struct IdempotencyRecord {
    pub(super) name: String,
    pub(super) parameters: String,
    pub(super) seal: Seal,
}

impl IdempotencyRecord {
    pub(super) fn of(token: &ClientRequestToken, wanted: &RequestedSettings) -> Self {
        let derive = |purpose: &str| digest([(purpose, token.expose())]);
        Self {
            name: BASE64_URL_SAFE_NO_PAD.encode(derive("record")),
            parameters: parameters(wanted),
            seal: Seal::new(&derive("seal")),
        }
    }
}

/// Who holds a claim: one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner(pub(super) String);

/// What a store says to one who wants to issue the session of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Go on; if an attempt has left before, this is when.
    Ours(Option<Leaving>),
    /// Somebody else is at it.
    Held,
    /// It is there.
    Issued(SessionId, Leaving),
    /// The record is bound to other parameters.
    Conflict,
}

/// When the first attempt left, as a store tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    /// By the wall clock of whoever sent it.
    pub(super) at: SystemTime,
    /// How long ago, by the store's clock.
    pub(super) age: Duration,
}

/// When the first attempt left, and when a session of it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// By the wall clock, to tell the caller.
    pub at: SystemTime,
    /// By this process's stopwatch, to count to.
    pub over: Instant,
}

impl Sent {
    /// An attempt leaves at `now`, which is `at` on the wall.
    #[must_use]
    pub fn leaving(at: SystemTime, now: Instant) -> Self {
        let over = now + SESSION_LIFE;
        Self { at, over }
    }

    /// Of two clocks the one that makes the session older is believed: an answer
    /// that may be a replay is never said to be fresh.
    pub(super) fn of(leaving: Leaving, wall: SystemTime, now: Instant) -> Self {
        let by_wall = wall.duration_since(leaving.at).unwrap_or_default();
        let age = leaving.age.max(by_wall);
        Self {
            at: leaving.at,
            over: now + SESSION_LIFE.saturating_sub(age),
        }
    }

    /// What is left of the session's life at `now`.
    #[must_use]
    pub fn left(&self, now: Instant) -> Duration {
        self.over.saturating_duration_since(now)
    }

    /// How old a session of it is at `now`, at most its whole life.
    pub(super) fn age(&self, now: Instant) -> Duration {
        SESSION_LIFE.saturating_sub(self.left(now))
    }
}

fn parameters(wanted: &RequestedSettings) -> String {
    let fields = match wanted {
        RequestedSettings::Settings(settings) => settings_fields(settings),
        RequestedSettings::Profile(name) => vec![("profile", name.as_str().to_owned())],
    };
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
    BASE64_URL_SAFE_NO_PAD.encode(digest(fields))
}

fn settings_fields(settings: &SessionSettings) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    if let Some(output) = &settings.output {
        fields.push(("bucket", output.bucket.as_str().to_owned()));
        let prefix = output.key_prefix.iter();
        fields.extend(prefix.map(|prefix| ("prefix", prefix.as_str().to_owned())));
    }
    fields.push(("audit", settings.audit_images_limit.get().to_string()));
    for preference in &settings.challenges {
        let name = match preference.challenge {
            ChallengeType::FaceMovementAndLight => "light",
            ChallengeType::FaceMovement => "movement",
        };
        fields.push(("challenge", name.to_owned()));
        let (low, high) = (preference.versions.minimum(), preference.versions.maximum());
        fields.extend(low.map(|version| ("minimum", version.to_string())));
        fields.extend(high.map(|version| ("maximum", version.to_string())));
    }
    let key = settings.kms_key_id.iter();
    fields.extend(key.map(|key| ("key", key.as_str().to_owned())));
    fields
}

fn digest<'f>(fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in fields.into_iter().flat_map(|(name, value)| [name, value]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditImagesLimit, KmsKeyId, ProfileName};

    #[test]
    fn a_digest_of_parameters_stays_the_same_from_release_to_release() {
        let none = parameters(&RequestedSettings::default());
        assert_eq!(none, "wEWVse6jyVwLf3ELg1GLYeUlk9jBIO4MUtYfijuls3k");
        let other = SessionSettings {
            audit_images_limit: AuditImagesLimit::new(1).expect("in bounds"),
            ..SessionSettings::default()
        };
        assert_ne!(parameters(&RequestedSettings::Settings(other)), none);
        let key = SessionSettings {
            kms_key_id: KmsKeyId::parse("alias/a").ok(),
            ..SessionSettings::default()
        };
        assert_ne!(parameters(&RequestedSettings::Settings(key)), none);
        let profile = |name| RequestedSettings::Profile(ProfileName::parse(name).expect("a name"));
        let one = parameters(&profile("kyc"));
        assert_eq!(one, "vQTzSt0Gmvc8eAzyR-21F8ZyMmdhUobGClLb9Ik2gcw");
        assert!(one != none && one != parameters(&profile("kyb")));
    }

    #[test]
    fn of_two_clocks_the_one_that_makes_a_session_older_is_believed() {
        let (wall, now) = (SystemTime::UNIX_EPOCH + 60 * SESSION_LIFE, Instant::now());
        let second = Duration::from_secs(1);
        let left = |at, age| Sent::of(Leaving { at, age }, wall, now).left(now);
        assert_eq!(left(wall - 20 * second, 5 * second), 160 * second);
        assert_eq!(left(wall + 20 * second, 5 * second), 175 * second);
        assert_eq!(left(wall, 200 * second), Duration::ZERO);
    }

    #[test]
    fn neither_the_name_nor_the_seal_is_the_token() {
        let token = ClientRequestToken::random();
        let record = IdempotencyRecord::of(&token, &RequestedSettings::default());
        assert_ne!(record.name, token.expose());
        assert_eq!(record.name.len(), 43);
    }
}
