//! Who may do what: which caller may use which method, and what it may ask of a
//! session.
//!
//! This room owns the policy and judges by them. It knows no wire, no file and no
//! clock, and not how a caller was made known. A caller goes by its own section, or
//! by the most specific form of its name, or by the default.
//!
//! # The terms
//!
//! - What a caller is *granted* bounds what it says itself. What it leaves default
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

mod permissions;
mod refusal;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::permissions::Permissions;
pub use self::refusal::{Field, FieldRefused, NotAllowed};
use crate::model::{
    CallerId, Operation, PerCaller, ProfileName, RequestedSettings, SessionSettings,
};

/// What each caller is granted, and what the profiles hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// What each caller is granted.
    pub permissions: PerCaller<Permissions>,
    /// The settings that have names.
    pub profiles: HashMap<ProfileName, SessionSettings>,
}

/// What a caller may use whose policy do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPermission {
    /// Every method: nobody is proved to be who it says, so the policy would keep out
    /// none but the honest.
    Allow,
    /// None.
    Deny,
}

/// The policy that are in force. Clones share them.
#[derive(Clone, Debug)]
pub struct Authorizer {
    policy: Arc<ArcSwap<Policy>>,
    default: DefaultPermission,
}

impl Authorizer {
    /// Judges by `policy`.
    #[must_use]
    pub fn new(policy: Policy, default: DefaultPermission) -> Self {
        Self {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            default,
        }
    }

    /// Judges by `policy` from now on; what was let through stays so.
    pub fn apply(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// What the session that `caller` wants shall be like.
    ///
    /// # Errors
    /// Where it may not have it: each field that it may not send so.
    pub fn create(
        &self,
        caller: &CallerId,
        wanted: &RequestedSettings,
    ) -> Result<SessionSettings, NotAllowed> {
        let policy = self.policy.load();
        let grant = self.grant(&policy, caller, Operation::Create)?;
        match wanted {
            RequestedSettings::Settings(settings) => {
                grant.own_words(settings).map(|()| settings.clone())
            }
            RequestedSettings::Profile(name) => profile(&policy, grant, name),
        }
    }

    /// Lets `caller` use the method of `operation`, whatever it asks of it.
    ///
    /// # Errors
    /// Where it may not.
    pub fn check(&self, caller: &CallerId, operation: Operation) -> Result<(), NotAllowed> {
        self.grant(&self.policy.load(), caller, operation).map(drop)
    }

    fn grant<'r>(
        &self,
        policy: &'r Policy,
        caller: &CallerId,
        operation: Operation,
    ) -> Result<&'r Permissions, NotAllowed> {
        let grant = policy.permissions.of(caller);
        let may = match (&grant.allow, self.default) {
            (Some(allowed), _) => allowed.contains(&operation),
            (None, DefaultPermission::Allow) => true,
            (None, DefaultPermission::Deny) => false,
        };
        let refused = || NotAllowed::one(Field::Operation(operation), FieldRefused::Operation);
        may.then_some(grant).ok_or_else(refused)
    }
}

/// One that does not exist is refused as one that the caller may not pick: it does
/// not learn the names of others' profiles.
fn profile(
    policy: &Policy,
    permissions: &Permissions,
    name: &ProfileName,
) -> Result<SessionSettings, NotAllowed> {
    let picked = policy
        .profiles
        .get(name)
        .filter(|_| permissions.may_pick(name));
    let refused = || NotAllowed::one(Field::Profile, FieldRefused::Profile(name.clone()));
    picked.cloned().ok_or_else(refused)
}

#[cfg(test)]
mod tests;
