//! Who may use which method, whatever it asks.
//!
//! It is asked before a request is judged, so that nobody learns what a method that
//! it may not use would want. An example: `web` is granted `create` alone. It asks
//! for a result and leaves out the session id; it is told that it may not use
//! `GetSessionResult`, and not what is missing.

use super::SessionError;
use crate::policy::{Operation, Policy};
use crate::session::words::CallerId;

/// The methods that callers may use, by the rules that are in force.
#[derive(Clone, Debug)]
pub struct Rights(Policy);

impl Rights {
    pub(super) fn new(policy: Policy) -> Self {
        Self(policy)
    }

    /// Lets `caller` ask for sessions, of whatever kind.
    ///
    /// # Errors
    /// Where it may not.
    pub fn create(&self, caller: &CallerId) -> Result<(), SessionError> {
        Ok(self.0.may(caller, Operation::Create)?)
    }

    /// Lets `caller` ask for results, of whatever session.
    ///
    /// # Errors
    /// Where it may not.
    pub fn result(&self, caller: &CallerId) -> Result<(), SessionError> {
        Ok(self.0.may(caller, Operation::Result)?)
    }
}
