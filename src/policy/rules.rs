//! The rules for all callers.
//!
//! An example: `a/b` has a section of its own, `a/*` another, and there is the
//! default one. `a/b` goes by the first, `a/c` by the second, `c` by the third.

use std::collections::HashMap;

use super::Grant;
use crate::session::words::{CallerGlobs, CallerId, ProfileName, SessionSettings};

/// What each caller is granted, and what the profiles hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// For a caller that is neither named nor of a form.
    pub default: Grant,
    /// For those that are named.
    pub named: HashMap<CallerId, Grant>,
    /// For each other one whose name is of a form.
    pub globs: CallerGlobs<Grant>,
    /// The settings that have names.
    pub profiles: HashMap<ProfileName, SessionSettings>,
}

impl Rules {
    /// What `caller` is granted.
    #[must_use]
    pub fn of(&self, caller: &CallerId) -> &Grant {
        let named = self.named.get(caller).or_else(|| self.globs.of(caller));
        named.unwrap_or(&self.default)
    }
}
