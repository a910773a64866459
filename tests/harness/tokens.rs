//! Result tokens: valid ones and forged ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livegate::model::{CallerId, SessionId, Subject};
use livegate::result_token::{Binding, SigningKey, TokenKeys};

use super::pipes::REGION;

/// The binding of a token, as text.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'o> {
    pub(crate) caller: &'o str,
    /// Empty: no subject.
    pub(crate) subject: &'o str,
    pub(crate) region: &'o str,
    pub(crate) session: &'o str,
}

impl<'o> Owner<'o> {
    /// Returns the owner of `session` without authentication.
    pub(crate) fn of(session: &'o str) -> Self {
        Self {
            caller: "anonymous",
            subject: "",
            region: REGION,
            session,
        }
    }

    /// Returns the token of this owner, signed by `keys`.
    pub(crate) fn token_by(self, keys: &TokenKeys, expire_time: SystemTime) -> String {
        let caller = CallerId::new(self.caller).expect("a valid name");
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

    /// Returns a valid token of this owner with an expiry in the far future.
    pub(crate) fn token(self) -> String {
        self.token_by(&keys(), UNIX_EPOCH + Duration::from_secs(1 << 40))
    }
}

/// Returns the default keys of a Livegate.
pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new(key(1), Vec::new()).expect("one key")
}

pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::new(&[byte; 32]).expect("32 bytes")
}
