//! What is valid in a configuration, and most likely not intended.
//!
//! For example, a section `[callers.payments]` with a weight and without `allow` gives the
//! caller a larger share of the quota, and the right to no method.

use std::collections::BTreeSet;

use super::Config;
use crate::auth::AuthMode;
use crate::auth::policy::Permissions;
use crate::model::PerCaller;

impl Config {
    /// Returns the warnings, one line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.auth.mode.is_authenticated() {
            warnings.extend(self.callers_without_methods());
        }
        let tls = self.grpc.tls.as_ref();
        if self.auth.mode == AuthMode::Jwt && tls.is_some_and(|tls| tls.client_ca.is_some()) {
            let text = "grpc.tls.client_ca: clients without a certificate cannot connect, and \
                auth.mode = \"jwt\" uses no certificate: unset client_ca, or set auth.mode to \
                \"mtls+jwt\"";
            warnings.push(text.to_owned());
        }
        warnings
    }

    /// Returns a warning for each named caller that may use no method, or one if that is
    /// true of all callers.
    fn callers_without_methods(&self) -> Vec<String> {
        let PerCaller {
            default,
            named,
            globs,
        } = &self.policy.permissions;
        let named = named.iter().map(|(caller, one)| (caller.as_str(), one));
        let sections: Vec<_> = named.chain(globs.iter()).collect();
        let may_call = |one: &Permissions| one.allow.as_ref().is_some_and(|it| !it.is_empty());
        if !may_call(default) && !sections.iter().any(|(_, one)| may_call(one)) {
            let text = "callers: every call is refused, because no section allows a method: set \
                allow, for example allow = [\"create\"] in [callers.default]";
            return vec![text.to_owned()];
        }
        let unset = sections.iter().filter(|(_, one)| one.allow.is_none());
        let names: BTreeSet<&str> = unset.map(|(name, _)| *name).collect();
        let line = |name| {
            format!(
                "callers.\"{name}\": every call is refused, because allow is not set: add \
                 allow = [\"create\"], or allow = [] if that is intended"
            )
        };
        names.into_iter().map(line).collect()
    }
}
