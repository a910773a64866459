//! Authorization: which caller may use which method, and which session settings it
//! may send.
//!
//! A request asks the [`CallerPermissions`] of its caller twice: for the method before its
//! body is read, and for its fields once they are valid. They are a snapshot of the
//! [`Policy`], so a reload between the two has no effect. A call that waits asks again for
//! the method whenever a reload replaces the policy. This module knows no wire format, file
//! or clock, and not how the caller was authenticated. A caller's own section applies, else
//! the most specific glob pattern that matches its name, else the default.
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
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::watch;

pub use self::permissions::Permissions;
pub use self::refusal::{Field, FieldRefused, NotAllowed};
use crate::model::{
    CallerId, MinimumConfidence, Operation, PerCaller, ProfileName, RequestedSettings,
    SessionSettings,
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

/// Holds the policy in force. Clones share it.
#[derive(Clone, Debug)]
pub struct Authorizer {
    policy: watch::Sender<Arc<Policy>>,
    default: DefaultPermission,
}

/// The permissions of one caller in the policy that was in force when its request arrived.
#[derive(Clone, Debug)]
pub struct CallerPermissions {
    authorizer: Authorizer,
    policy: Arc<Policy>,
    caller: CallerId,
}

impl Authorizer {
    /// Returns an authorizer with `policy`.
    #[must_use]
    pub fn new(policy: Policy, default: DefaultPermission) -> Self {
        Self {
            policy: watch::Sender::new(Arc::new(policy)),
            default,
        }
    }

    /// Replaces the policy, and refuses the calls that wait without permission now.
    pub fn apply(&self, policy: Policy) {
        self.policy.send_replace(Arc::new(policy));
    }

    /// Returns the permissions of `caller`.
    #[must_use]
    pub fn permissions(&self, caller: &CallerId) -> CallerPermissions {
        CallerPermissions {
            authorizer: self.clone(),
            policy: self.policy.borrow().clone(),
            caller: caller.clone(),
        }
    }
}

impl CallerPermissions {
    /// Returns the caller's permissions in the policy that is in force now.
    #[must_use]
    pub fn current(&self) -> Self {
        self.authorizer.permissions(&self.caller)
    }

    /// Awaits `step` while the caller may use the method of `operation` by the policy in
    /// force. Dropping the future drops `step`.
    ///
    /// # Errors
    /// If the method is not allowed, also while `step` waits, or if `step` fails.
    pub async fn while_allowed<T, E: From<NotAllowed>>(
        &self,
        operation: Operation,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut policies = self.authorizer.policy.subscribe();
        let mut step = pin!(step);
        loop {
            self.current().check(operation)?;
            tokio::select! {
                // In this order: the result of a step comes after the check.
                biased;
                Ok(()) = policies.changed() => {}
                result = &mut step => return result,
            }
        }
    }

    /// Checks that the caller may use the method of `operation`, whatever fields it sends.
    ///
    /// # Errors
    /// If the method is not allowed for the caller.
    pub fn check(&self, operation: Operation) -> Result<(), NotAllowed> {
        let is_allowed = match (&self.values().allow, self.authorizer.default) {
            (Some(allowed), _) => allowed.contains(&operation),
            (None, DefaultPermission::Allow) => true,
            (None, DefaultPermission::Deny) => false,
        };
        if is_allowed {
            return Ok(());
        }
        let refused = match self.policy.permissions.has_section(&self.caller) {
            true => FieldRefused::Operation,
            false => FieldRefused::NoSection(self.caller.clone()),
        };
        Err(NotAllowed::one(Field::Operation(operation), refused))
    }

    /// Returns the settings of the session that the caller may create for `requested`.
    ///
    /// # Errors
    /// Names each field that is not allowed for the caller.
    pub fn settings(&self, requested: &RequestedSettings) -> Result<SessionSettings, NotAllowed> {
        match requested {
            RequestedSettings::Settings(settings) => {
                self.values().check(settings).map(|()| settings.clone())
            }
            RequestedSettings::Profile(name) => profile(&self.policy, self.values(), name),
        }
    }

    /// Returns the minimum confidence of the caller's checks if it requests `requested`.
    #[must_use]
    pub fn minimum_confidence(
        &self,
        requested: Option<MinimumConfidence>,
    ) -> Option<MinimumConfidence> {
        MinimumConfidence::stricter(self.values().minimum_confidence, requested)
    }

    fn values(&self) -> &Permissions {
        self.policy.permissions.of(&self.caller)
    }
}

/// Returns the settings of the profile `name`. A missing profile and a forbidden one
/// give the same error, so that a caller cannot probe for the profiles of others.
fn profile(
    policy: &Policy,
    permissions: &Permissions,
    name: &ProfileName,
) -> Result<SessionSettings, NotAllowed> {
    let allowed = permissions.profiles.as_ref();
    let is_allowed = allowed.is_none_or(|profiles| profiles.contains(name));
    let selected = policy.profiles.get(name).filter(|_| is_allowed);
    let refused = || NotAllowed::one(Field::Profile, FieldRefused::Profile(name.clone()));
    selected.cloned().ok_or_else(refused)
}

#[cfg(test)]
mod tests;
