//! What is known of the sessions that callers have named: the claims.
//!
//! A claim ties a caller's request id to the parameters it first came with, to
//! the moment the first attempt left, and to the session once there is one.
//! Concurrent calls with the same request id meet at its claim and join. Without
//! a claim AWS would still answer the same token with the same session, but
//! nobody would know how much of its life is gone.
//!
//! An example: a call with `request_id` R times out after its attempt left at
//! 12:00:00. The repeat at 12:00:20 finds the claim, sends the same token, and is
//! told the truth: 160 s left.
//!
//! Claims are kept in this process, at most 100,000 of them for ten minutes each.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::session::words::{ClientRequestToken, SessionId, SessionSettings};

const MOST: u64 = 100_000;
const KEPT: Duration = Duration::from_secs(600);

/// The claims of this process. Clones share them.
#[derive(Clone, Debug)]
pub struct Claims {
    kept: Cache<ClientRequestToken, Arc<Claim>>,
    hasher: RandomState,
}

/// The request id was claimed before, with other parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict;

/// What is known of one request id.
#[derive(Debug, Default)]
pub struct Claim {
    parameters: u64,
    sent: OnceLock<Sent>,
    session: OnceCell<SessionId>,
}

/// When the first attempt left, by the wall and by the stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// To tell the caller.
    pub at: SystemTime,
    /// To count from.
    pub instant: Instant,
}

impl Default for Claims {
    fn default() -> Self {
        let kept = Cache::builder()
            .max_capacity(MOST)
            .time_to_live(KEPT)
            .build();
        Self {
            kept,
            hasher: RandomState::new(),
        }
    }
}

impl Claims {
    /// The claim of the request that `token` is derived from, made now where there
    /// is none.
    ///
    /// # Errors
    /// [`Conflict`] where it was made with other settings.
    pub fn claim(
        &self,
        token: &ClientRequestToken,
        settings: &SessionSettings,
    ) -> Result<Arc<Claim>, Conflict> {
        let parameters = self.hasher.hash_one(settings);
        let make = || {
            Arc::new(Claim {
                parameters,
                ..Claim::default()
            })
        };
        let claim = self.kept.get_with(token.clone(), make);
        if claim.parameters == parameters {
            Ok(claim)
        } else {
            Err(Conflict)
        }
    }
}

impl Claim {
    /// The claim of a call that nobody can repeat.
    #[must_use]
    pub fn unshared() -> Self {
        Self::default()
    }

    /// An attempt leaves; only the first one counts.
    pub fn note_sent(&self, now: impl FnOnce() -> Sent) {
        self.sent.get_or_init(now);
    }

    /// When the first attempt left; `None`: none has.
    #[must_use]
    pub fn sent(&self) -> Option<Sent> {
        self.sent.get().copied()
    }

    /// The session, once there is one. Whoever fills it in is joined by all who
    /// ask meanwhile; where that fails or is dropped, the next one tries.
    #[must_use]
    pub fn session(&self) -> &OnceCell<SessionId> {
        &self.session
    }
}
