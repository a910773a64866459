//! Authorization: which caller may use which method, and which session settings it
//! may send.
//!
//! The [`Authorizer`] evaluates the [`Policy`]. It knows no wire format, file or
//! clock, and not how the caller was authenticated. A caller's own section applies,
//! else the most specific glob pattern that matches its name, else the default.
//!
//! # Terms
//!
//! - *Permissions* bound the values that a caller sends. A field that the caller
//!   leaves unset gets AWS's default and is not checked.
//! - A *profile* is a named set of settings that operators define. A caller that may
//!   select a profile gets all of its settings, whatever its other permissions are.
//!
//! # Example
//!
//! `spiffe://a.org/ns/kyc/**` may create sessions that store at most 2 audit images
//! in the bucket `kyc-images` under `live/`. A call with 3 images in `other-images` is
//! refused with one error that names both fields; one with 2 images in `kyc-images`
//! under `live/7` is allowed. The caller cannot read results. It may select a profile
//! `archive` with the bucket `archive`, unless its section lists other profiles.

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

/// The permissions of each caller, and the profiles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The permissions of each caller.
    pub permissions: PerCaller<Permissions>,
    /// The settings of each profile.
    pub profiles: HashMap<ProfileName, SessionSettings>,
}

/// Which methods a caller may use if its permissions do not list any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPermission {
    /// Every method. For modes without authentication, where a caller could evade a
    /// denial by claiming another name.
    Allow,
    /// No method.
    Deny,
}

/// Evaluates the policy in force. Clones share the policy.
#[derive(Clone, Debug)]
pub struct Authorizer {
    policy: Arc<ArcSwap<Policy>>,
    default: DefaultPermission,
}

impl Authorizer {
    /// Returns an authorizer that evaluates `policy`.
    #[must_use]
    pub fn new(policy: Policy, default: DefaultPermission) -> Self {
        Self {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            default,
        }
    }

    /// Replaces the policy. Requests that were already allowed are not checked again.
    pub fn apply(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// Returns the settings of the session that `caller` may create for `requested`.
    ///
    /// # Errors
    /// Names each field that is not allowed for the caller, or the method if the caller
    /// has no permission to create sessions.
    pub fn create(
        &self,
        caller: &CallerId,
        requested: &RequestedSettings,
    ) -> Result<SessionSettings, NotAllowed> {
        let policy = self.policy.load();
        let permissions = self.permissions(&policy, caller, Operation::Create)?;
        match requested {
            RequestedSettings::Settings(settings) => {
                permissions.check(settings).map(|()| settings.clone())
            }
            RequestedSettings::Profile(name) => profile(&policy, permissions, name),
        }
    }

    /// Checks that `caller` may use the method of `operation`, whatever fields it sends.
    ///
    /// # Errors
    /// If the method is not allowed for the caller.
    pub fn check(&self, caller: &CallerId, operation: Operation) -> Result<(), NotAllowed> {
        self.permissions(&self.policy.load(), caller, operation)
            .map(drop)
    }

    fn permissions<'p>(
        &self,
        policy: &'p Policy,
        caller: &CallerId,
        operation: Operation,
    ) -> Result<&'p Permissions, NotAllowed> {
        let permissions = policy.permissions.of(caller);
        let is_allowed = match (&permissions.allow, self.default) {
            (Some(allowed), _) => allowed.contains(&operation),
            (None, DefaultPermission::Allow) => true,
            (None, DefaultPermission::Deny) => false,
        };
        let refused = || NotAllowed::one(Field::Operation(operation), FieldRefused::Operation);
        is_allowed.then_some(permissions).ok_or_else(refused)
    }
}

/// Returns the settings of the profile `name`. A missing profile and a forbidden one
/// give the same error, so that a caller cannot probe for the profiles of others.
fn profile(
    policy: &Policy,
    permissions: &Permissions,
    name: &ProfileName,
) -> Result<SessionSettings, NotAllowed> {
    let selected = policy
        .profiles
        .get(name)
        .filter(|_| permissions.allows_profile(name));
    let refused = || NotAllowed::one(Field::Profile, FieldRefused::Profile(name.clone()));
    selected.cloned().ok_or_else(refused)
}

#[cfg(test)]
mod tests;
