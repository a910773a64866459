//! Tokens as a Livegate of the scenes makes them, and as others might.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livegate::model::{CallerId, SessionId, Subject};
use livegate::result_token::{Binding, SigningKey, TokenKeys};

use super::pipes::REGION;

/// What a token is for, in plain texts.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'o> {
    pub(crate) caller: &'o str,
    /// Empty: no one in particular.
    pub(crate) subject: &'o str,
    pub(crate) region: &'o str,
    pub(crate) session: &'o str,
}

impl<'o> Owner<'o> {
    /// The owner of `session`, where nobody asks who calls.
    pub(crate) fn of(session: &'o str) -> Self {
        Self {
            caller: "anonymous",
            subject: "",
            region: REGION,
            session,
        }
    }

    /// The token of this owner, by `keys`, which expires at `expire_time`.
    pub(crate) fn token_by(self, keys: &TokenKeys, expire_time: SystemTime) -> String {
        let caller = CallerId::new(self.caller).expect("a plain name");
        let subject = Subject::parse(self.subject).ok();
        let session = SessionId::parse(self.session).expect("a lower-case UUID");
        let binding = Binding {
            caller: &caller,
            subject: subject.as_ref(),
            region: self.region,
            session: &session,
        };
        keys.issue(&binding, expire_time).expose().to_owned()
    }

    /// A token that is right for as long as anyone tests this.
    pub(crate) fn token(self) -> String {
        self.token_by(&keys(), UNIX_EPOCH + Duration::from_secs(1 << 40))
    }
}

/// The keys of every Livegate that is told nothing else.
pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new(key(1), Vec::new()).expect("one key")
}

pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::new(&[byte; 32]).expect("32 bytes")
}
