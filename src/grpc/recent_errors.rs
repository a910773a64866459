//! The last failed calls, for a status page: their names and codes, and no messages, which
//! may quote a request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::model::CallerId;

/// How many failed calls are kept.
const MAX_ERRORS: usize = 20;

/// The last failed calls, the latest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct RecentErrors(Arc<Mutex<VecDeque<RecentError>>>);

/// A failed call.
#[derive(Clone, Debug)]
pub(super) struct RecentError {
    pub(super) at: SystemTime,
    pub(super) call_id: Arc<str>,
    pub(super) method: &'static str,
    pub(super) code: &'static str,
    pub(super) reason: &'static str,
    /// The caller, if it was authenticated.
    pub(super) caller: Option<CallerId>,
}

impl RecentErrors {
    pub(super) fn push(&self, error: RecentError) {
        let mut errors = self.0.lock();
        errors.truncate(MAX_ERRORS - 1);
        errors.push_front(error);
    }

    /// Returns the failed calls as JSON objects, the latest first.
    #[must_use]
    pub fn to_json(&self) -> Vec<Value> {
        let errors = self.0.lock();
        let to_json = |error: &RecentError| {
            json!({
                "time": format_rfc3339_millis(error.at).to_string(),
                "call_id": &*error.call_id,
                "method": error.method,
                "code": error.code,
                "reason": error.reason,
                "caller": error.caller.as_ref().map(CallerId::as_str),
            })
        };
        errors.iter().map(to_json).collect()
    }
}
