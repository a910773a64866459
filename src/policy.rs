//! Who may do what: which caller may use which method, and what it may ask of a
//! session.
//!
//! This room owns the rules and judges by them. It knows no wire, no file and no
//! clock, and not how a caller was made known. A caller goes by its own section, or
//! by the most specific form of its name, or by the default.
//!
//! # The terms
//!
//! - What a caller is *granted* bounds what it says itself. What it leaves unsaid
//!   has AWS's own default, and is bounded by nothing.
//! - A *profile* is settings that the operators have named. Whoever may pick one may
//!   have all that is in it, whatever it is granted besides.
//!
//! # An example
//!
//! `spiffe://a.org/ns/kyc/**` may create, in the bucket `kyc-images` under `live/`,
//! with at most 2 audit images. Its call for 3 of them in `other-images` is refused
//! once, naming both fields; one with `live/7` and 2 in `kyc-images` is let through;
//! and it may read no result. A profile `archive` with the bucket `archive` it may
//! pick, unless its section says which profiles it may.

mod grant;
mod refusal;
mod rules;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::grant::{Grant, Words};
pub use self::refusal::{Field, NotAllowed, Refused};
pub use self::rules::Rules;
use crate::session::words::{CallerId, ProfileName, SessionSettings, Wanted};

/// A method of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Issuing sessions.
    Create,
    /// Reading results.
    Result,
}

/// What a caller may use whose rules do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// Every method: nobody is proved to be who it says, so the rules would keep out
    /// none but the honest.
    Everything,
    /// None.
    Nothing,
}

/// The rules that are in force. Clones share them.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Arc<ArcSwap<Rules>>,
    unsaid: Unsaid,
}

impl Policy {
    /// Judges by `rules`.
    #[must_use]
    pub fn new(rules: Rules, unsaid: Unsaid) -> Self {
        Self {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            unsaid,
        }
    }

    /// Judges by `rules` from now on; what was let through stays so.
    pub fn apply(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// What the session that `caller` wants shall be like.
    ///
    /// # Errors
    /// Where it may not have it: each field that it may not send so.
    pub fn create(
        &self,
        caller: &CallerId,
        wanted: &Wanted,
    ) -> Result<SessionSettings, NotAllowed> {
        let rules = self.rules.load();
        let grant = self.grant(&rules, caller, Operation::Create)?;
        match wanted {
            Wanted::Settings(settings) => grant.own_words(settings).map(|()| settings.clone()),
            Wanted::Profile(name) => profile(&rules, grant, name),
        }
    }

    /// Lets `caller` use the method of `operation`, whatever it asks of it.
    ///
    /// # Errors
    /// Where it may not.
    pub fn may(&self, caller: &CallerId, operation: Operation) -> Result<(), NotAllowed> {
        self.grant(&self.rules.load(), caller, operation).map(drop)
    }

    fn grant<'r>(
        &self,
        rules: &'r Rules,
        caller: &CallerId,
        operation: Operation,
    ) -> Result<&'r Grant, NotAllowed> {
        let grant = rules.of(caller);
        let may = match (&grant.allow, self.unsaid) {
            (Some(allowed), _) => allowed.contains(&operation),
            (None, Unsaid::Everything) => true,
            (None, Unsaid::Nothing) => false,
        };
        let refused = || NotAllowed::one(Field::Operation(operation), Refused::Operation);
        may.then_some(grant).ok_or_else(refused)
    }
}

/// One that does not exist is refused as one that the caller may not pick: it does
/// not learn the names of others' profiles.
fn profile(
    rules: &Rules,
    grant: &Grant,
    name: &ProfileName,
) -> Result<SessionSettings, NotAllowed> {
    let picked = rules.profiles.get(name).filter(|_| grant.may_pick(name));
    let refused = || NotAllowed::one(Field::Profile, Refused::Profile(name.clone()));
    picked.cloned().ok_or_else(refused)
}

#[cfg(test)]
mod tests;
