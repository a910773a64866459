//! The claims that this process has in mind: those that calls are at, and those
//! that something was sent for.
//!
//! The two are kept apart, or whoever sends many request ids that are refused could
//! push out what is known of another caller's sessions. A claim that calls are at
//! is kept for as long as they are; there are never more of them than calls. When
//! the last call is over, it stays only where an attempt has left, and an attempt
//! has paid a slot of the quota.
//!
//! An example: of 100,000 calls with a request id each, 5 a second get a slot and
//! the others are refused. After 10 s there are 50 claims in mind.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Book, Claim, IdempotencyRecord, Terms};
use crate::model::ClientRequestToken;

/// How long a claim stays in mind that no call is at any more.
const SENT_FOR: Duration = Duration::from_secs(600);

/// The claims. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Known {
    at_it: Arc<Mutex<HashMap<ClientRequestToken, AtIt>>>,
    sent: Cache<ClientRequestToken, Arc<Claim>>,
}

/// A claim, and how many calls are at it.
#[derive(Debug)]
struct AtIt {
    claim: Arc<Claim>,
    calls: usize,
}

/// A call's part in a claim. While there is one, all calls with the same request
/// id have the same claim. Dropped, the call is over.
#[derive(Debug)]
pub struct Joined {
    claim: Arc<Claim>,
    token: ClientRequestToken,
    known: Known,
}

impl Known {
    pub(super) fn new(terms: Terms) -> Self {
        let sent = Cache::builder()
            .max_capacity(terms.most)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(SENT_FOR)
            .build();
        let at_it = Arc::default();
        Self { at_it, sent }
    }

    /// Joins the calls with `token`; the first one brings `record` and `book`.
    pub(super) fn join(
        &self,
        token: &ClientRequestToken,
        record: IdempotencyRecord,
        book: &Book,
    ) -> Joined {
        let mut all = self.at_it();
        let at_it = all.entry(token.clone()).or_insert_with(|| {
            let anew = || Arc::new(Claim::new(Some((record, book.clone()))));
            let claim = self.sent.get(token).unwrap_or_else(anew);
            AtIt { claim, calls: 0 }
        });
        at_it.calls += 1;
        Joined {
            claim: at_it.claim.clone(),
            token: token.clone(),
            known: self.clone(),
        }
    }

    fn leave(&self, token: &ClientRequestToken) {
        let mut all = self.at_it();
        let Some(at_it) = all.get_mut(token) else {
            debug_assert!(false, "a claim goes after its last call");
            return;
        };
        at_it.calls -= 1;
        if at_it.calls > 0 {
            return;
        }
        if at_it.claim.sent().is_some() {
            self.sent.insert(token.clone(), at_it.claim.clone());
        }
        all.remove(token);
    }

    fn at_it(&self) -> MutexGuard<'_, HashMap<ClientRequestToken, AtIt>> {
        self.at_it.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Joined {
    type Target = Claim;

    fn deref(&self) -> &Claim {
        &self.claim
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.known.leave(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::idempotency::{Claims, Turn};
    use crate::model::RequestedSettings;

    fn join(claims: &Claims, token: &ClientRequestToken) -> Joined {
        let joined = claims.claim(token, &RequestedSettings::default());
        joined.expect("the first parameters")
    }

    #[tokio::test]
    async fn a_claim_lasts_as_long_as_calls_are_at_it_or_something_was_sent() {
        let (claims, token) = (Claims::default(), ClientRequestToken::random());
        let (first, second) = (join(&claims, &token), join(&claims, &token));
        assert!(Arc::ptr_eq(&first.claim, &second.claim));
        drop(first);
        let third = join(&claims, &token);
        assert!(Arc::ptr_eq(&second.claim, &third.claim), "second is at it");
        drop((second, third));
        assert_eq!(claims.known.at_it().len(), 0, "nothing was sent");
        let fourth = join(&claims, &token);
        let sent = fourth.leaving(SystemTime::UNIX_EPOCH).await;
        sent.expect("not required");
        let claim = fourth.claim.clone();
        drop(fourth);
        assert_eq!(claims.known.at_it().len(), 0, "no call is at it");
        assert!(Arc::ptr_eq(&join(&claims, &token).claim, &claim));
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_while_it_waits_leaves_nothing() {
        let (claims, token) = (Claims::default(), ClientRequestToken::random());
        let call = async {
            let claim = join(&claims, &token);
            let turn = claim.turn(|| SystemTime::UNIX_EPOCH).await;
            assert!(matches!(turn, Ok(Turn::Ours(_))));
            std::future::pending::<()>().await;
        };
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, call).await.is_err());
        assert_eq!(claims.known.at_it().len(), 0);
    }
}
