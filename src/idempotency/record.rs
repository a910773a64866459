//! The record of one request id, and its name in the store.
//!
//! The record's name and the key that encrypts its content are derived from the client
//! request token with different labels, and from the region and endpoint, because replicas
//! of several regions can share a store. The token itself is not stored, so a reader of the
//! store learns neither tokens nor session ids.
//!
//! For example, the name of token `q3…` in `eu-west-1` is `9f…`, SHA-256 over `record`, the
//! token and the region. The parameters are SHA-256 over every field that is set, each prefixed with its name and
//! length, so a field of a later version does not change the digest of requests without it.
//! For a profile only the name counts: its settings may change during a session's life.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::seal::Seal;
use crate::model::{
    ChallengeType, ClientRequestToken, RequestedSettings, SESSION_LIFE, SessionId, SessionSettings,
    agree, length_prefixed,
};

/// The name of a record, the digest of its parameters, the seal of its content, and the
/// process that accesses it.
#[derive(Clone, Debug)]
pub(super) struct RecordKey {
    pub(super) name: String,
    pub(super) parameters: String,
    pub(super) seal: Seal,
    pub(super) owner: Owner,
}

impl RecordKey {
    /// Returns the key of `token` at the AWS of `scope`: each region and each endpoint
    /// has sessions of its own.
    pub(super) fn new(
        token: &ClientRequestToken,
        requested: &RequestedSettings,
        scope: &str,
        owner: Owner,
    ) -> Self {
        let derive = |label: &str| digest([(label, token.expose()), ("scope", scope)]);
        Self {
            name: BASE64_URL_SAFE_NO_PAD.encode(derive("record")),
            parameters: parameters(requested),
            seal: Seal::new(&derive("seal")),
            owner,
        }
    }
}

/// A process that can hold leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner(pub(super) String);

/// The state of a record, as one process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordState {
    /// No other process holds the lease. An earlier attempt may have been sent.
    Free(Option<RecordedSend>),
    /// Another process holds the lease.
    Held,
    /// The session exists.
    Issued(SessionId, RecordedSend),
    /// The record has other parameters.
    Conflict,
}

impl RecordState {
    /// Returns the state of a record without a session.
    pub(super) fn unless_held(is_held: bool, recorded: Option<RecordedSend>) -> Self {
        if is_held {
            Self::Held
        } else {
            Self::Free(recorded)
        }
    }
}

/// When the first attempt was sent, or the earliest time at which it can have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedSend {
    /// By the wall clock of the sender.
    pub at: SystemTime,
    /// How long ago; for a record in the store by the store's clock.
    pub age: Duration,
}

/// When the first attempt was sent, and when its session expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstSent {
    /// By the wall clock of the sender, for timestamps.
    pub at: SystemTime,
    /// By this process's monotonic clock, for durations.
    pub expires_at: Instant,
    /// Whether `at` was compared with a confirmed time.
    pub is_confirmed: bool,
}

impl FirstSent {
    /// Converts the recorded time to this process's clocks.
    ///
    /// Of the ages by the store's clock and by `wall`, the greater one counts, so that no
    /// session is reported fresher than it is.
    pub(super) fn from_record(
        recorded: RecordedSend,
        wall: Option<SystemTime>,
        now: Instant,
    ) -> Self {
        let by_wall = wall.and_then(|wall| wall.duration_since(recorded.at).ok());
        let age = recorded.age.max(by_wall.unwrap_or_default());
        Self {
            at: recorded.at,
            expires_at: now + SESSION_LIFE.saturating_sub(age),
            is_confirmed: wall.is_some(),
        }
    }

    /// Computes it again from `recorded`, whose age was computed when the attempt was sent.
    /// A creation time that agrees remains, so that repeats return the same.
    pub(super) fn dated_again(self, recorded: RecordedSend, wall: Option<SystemTime>) -> Self {
        let sent_at = self.expires_at.checked_sub(SESSION_LIFE);
        let sent_at = sent_at.unwrap_or(self.expires_at);
        let again = Self::from_record(recorded, wall, sent_at);
        let at = if agree(self.at, again.at) {
            self.at
        } else {
            again.at
        };
        Self { at, ..again }
    }

    /// Returns what is left of the session's life at `now`.
    #[must_use]
    pub fn time_to_live(&self, now: Instant) -> Duration {
        self.expires_at.saturating_duration_since(now)
    }

    /// Returns what is left of the session's life at `now`, also by `wall` if both this and
    /// `wall` are confirmed: the monotonic clock stands still while the machine is suspended.
    #[must_use]
    pub fn time_to_live_by(&self, wall: Option<SystemTime>, now: Instant) -> Duration {
        let by_monotonic = self.at + self.age(now);
        let wall = wall.filter(|wall| self.is_confirmed && !agree(by_monotonic, *wall));
        Self::from_record(self.recorded(now), wall, now).time_to_live(now)
    }

    /// Returns the time since the attempt was sent, at most the session's whole life.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        SESSION_LIFE.saturating_sub(self.time_to_live(now))
    }

    /// Returns the value to record at `now`.
    pub(super) fn recorded(&self, now: Instant) -> RecordedSend {
        RecordedSend {
            at: self.at,
            age: self.age(now),
        }
    }
}

fn parameters(requested: &RequestedSettings) -> String {
    let fields = match requested {
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
    let parts = fields.into_iter().flat_map(|(name, value)| [name, value]);
    Sha256::digest(length_prefixed(parts.map(str::as_bytes))).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditImagesLimit, KmsKeyId, ProfileName};

    #[test]
    fn the_digest_of_parameters_is_stable_between_releases() {
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
        let profile =
            |name| RequestedSettings::Profile(ProfileName::parse(name).expect("a valid name"));
        let kyc = parameters(&profile("kyc"));
        assert_eq!(kyc, "vQTzSt0Gmvc8eAzyR-21F8ZyMmdhUobGClLb9Ik2gcw");
        assert!(kyc != none && kyc != parameters(&profile("kyb")));
    }

    #[test]
    fn the_greater_age_of_two_clocks_counts() {
        let (wall, now) = (SystemTime::UNIX_EPOCH + 60 * SESSION_LIFE, Instant::now());
        let second = Duration::from_secs(1);
        let left = |at, age| {
            FirstSent::from_record(RecordedSend { at, age }, Some(wall), now).time_to_live(now)
        };
        assert_eq!(left(wall - 20 * second, 5 * second), 160 * second);
        assert_eq!(left(wall + 20 * second, 5 * second), 175 * second);
        assert_eq!(left(wall, 200 * second), Duration::ZERO);
    }

    #[test]
    fn the_name_of_a_record_is_not_the_token() {
        let token = ClientRequestToken::random();
        let record = RecordKey::new(
            &token,
            &RequestedSettings::default(),
            "eu-west-1",
            Owner(String::new()),
        );
        assert_ne!(record.name, token.expose());
        assert_eq!(record.name.len(), 43);
    }
}
