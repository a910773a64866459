//! The last errors, for a status page: names and codes of failed calls, and no messages,
//! which may quote a request.
//!
//! Failed calls with the same method, reason and caller are one group, so that many of one
//! kind do not hide the others. Groups without a caller fill at most half of the list,
//! because anyone can cause them. For example, a client without credentials fails 100,000
//! times in a minute: that is one group, with that count and the id of the last call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::model::CallerId;

/// How many groups are kept.
const MAX_GROUPS: usize = 20;

/// The last errors, the latest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct RecentErrors(Arc<Mutex<VecDeque<ErrorGroup>>>);

/// The failed calls with the same method, reason and caller.
#[derive(Debug)]
struct ErrorGroup {
    count: u64,
    last: RecentError,
}

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
    pub(super) fn push(&self, last: RecentError) {
        let mut groups = self.0.lock();
        let is_same = |known: &RecentError| {
            (known.method, known.reason, &known.caller) == (last.method, last.reason, &last.caller)
        };
        let known = groups.iter().position(|group| is_same(&group.last));
        let known = known.and_then(|at| groups.remove(at));
        let count = known.map_or(0, |group| group.count) + 1;
        groups.push_front(ErrorGroup { count, last });
        if groups.len() > MAX_GROUPS {
            let anonymous = |group: &ErrorGroup| group.last.caller.is_none();
            let many = groups.iter().filter(|group| anonymous(group)).count() > MAX_GROUPS / 2;
            let evicted = groups.iter().rposition(|group| !many || anonymous(group));
            evicted.map(|at| groups.remove(at));
        }
    }

    /// Returns the groups as JSON objects, the latest first.
    #[must_use]
    pub fn to_json(&self) -> Vec<Value> {
        let groups = self.0.lock();
        let to_json = |ErrorGroup { count, last }: &ErrorGroup| {
            json!({
                "time": format_rfc3339_millis(last.at).to_string(),
                "call_id": &*last.call_id,
                "method": last.method,
                "code": last.code,
                "reason": last.reason,
                "caller": last.caller.as_ref().map(CallerId::as_str),
                "count": count,
            })
        };
        groups.iter().map(to_json).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(errors: &RecentErrors, reason: &'static str, caller: Option<&str>, call_id: &str) {
        errors.push(RecentError {
            at: SystemTime::UNIX_EPOCH,
            call_id: call_id.into(),
            method: "CreateSession",
            code: "UNAVAILABLE",
            reason,
            caller: caller.map(|name| CallerId::new(name).expect("a name")),
        });
    }

    /// Returns the reason, the caller, the count and the call id of each group.
    fn rows(errors: &RecentErrors) -> Vec<String> {
        let text = |group: Value| {
            let members = ["reason", "caller", "count", "call_id"].map(|name| &group[name]);
            let texts =
                members.map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            texts.join(" ")
        };
        errors.to_json().into_iter().map(text).collect()
    }

    #[test]
    fn equal_errors_are_one_group_with_the_id_of_the_last_call() {
        let errors = RecentErrors::default();
        fail(&errors, "STORE_UNAVAILABLE", Some("payments"), "1");
        for number in 0..100_000 {
            fail(
                &errors,
                "CALLER_NOT_AUTHENTICATED",
                None,
                &number.to_string(),
            );
        }
        fail(&errors, "STORE_UNAVAILABLE", Some("web"), "2");
        fail(&errors, "STORE_UNAVAILABLE", Some("payments"), "3");
        let expected = [
            "STORE_UNAVAILABLE payments 2 3",
            "STORE_UNAVAILABLE web 1 2",
            "CALLER_NOT_AUTHENTICATED null 100000 99999",
        ];
        assert_eq!(rows(&errors), expected);
    }

    #[test]
    fn unauthenticated_calls_fill_at_most_half() {
        const REASONS: [&str; 15] = [
            "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O",
        ];
        let errors = RecentErrors::default();
        for caller in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"] {
            fail(&errors, "STORE_UNAVAILABLE", Some(caller), "1");
        }
        for reason in REASONS.iter().cycle().take(1000) {
            fail(&errors, reason, None, "2");
        }
        let rows = rows(&errors);
        assert_eq!(rows.len(), MAX_GROUPS);
        assert_eq!(rows.iter().filter(|row| row.contains("null")).count(), 10);
        assert!(
            rows.contains(&"STORE_UNAVAILABLE 2 1 1".to_owned()),
            "{rows:?}"
        );
    }
}
