//! A value for each caller: by exact name, by glob pattern, or the default.
//!
//! An exact name wins over a pattern. For example, with values for `a/b` and `a/*`, the
//! caller `a/b` gets the first, `a/c` the second and `c` the default.

use std::collections::HashMap;

use super::{CallerGlobs, CallerId};

/// A value for each caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PerCaller<T> {
    /// For callers that neither a name nor a pattern matches.
    pub default: T,
    /// By exact name.
    pub named: HashMap<CallerId, T>,
    /// By the most specific pattern that matches the name.
    pub globs: CallerGlobs<T>,
}

impl<T> PerCaller<T> {
    /// Returns the value of `caller`.
    #[must_use]
    pub fn of(&self, caller: &CallerId) -> &T {
        self.own(caller).unwrap_or(&self.default)
    }

    /// Whether a name or a pattern matches `caller`.
    #[must_use]
    pub fn has_section(&self, caller: &CallerId) -> bool {
        self.own(caller).is_some()
    }

    fn own(&self, caller: &CallerId) -> Option<&T> {
        self.named.get(caller).or_else(|| self.globs.of(caller))
    }

    /// Returns `part` of each value.
    #[must_use]
    pub fn map<U>(&self, part: impl Fn(&T) -> U) -> PerCaller<U> {
        let named = self.named.iter();
        PerCaller {
            default: part(&self.default),
            named: named
                .map(|(caller, value)| (caller.clone(), part(value)))
                .collect(),
            globs: self.globs.map(part),
        }
    }

    /// Returns the section that `caller` has its value by: its name, a pattern or `default`.
    #[must_use]
    pub fn section_of<'a>(&'a self, caller: &'a CallerId) -> &'a str {
        let named = self.named.contains_key(caller).then(|| caller.as_str());
        named.or(self.pattern_of(caller)).unwrap_or("default")
    }

    /// Returns the pattern that `caller` has its value by, if it has it by a pattern.
    #[must_use]
    pub fn pattern_of(&self, caller: &CallerId) -> Option<&str> {
        let named = self.named.contains_key(caller);
        let found = (!named).then(|| self.globs.find(caller)).flatten();
        found.map(|(pattern, _)| pattern)
    }
}

impl<T> From<T> for PerCaller<T> {
    /// The same value for every caller.
    fn from(default: T) -> Self {
        Self {
            default,
            named: HashMap::new(),
            globs: CallerGlobs::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CallerGlob;

    fn caller(name: &str) -> CallerId {
        CallerId::new(name).expect("a valid name")
    }

    #[test]
    fn a_caller_that_nothing_matches_has_the_default() {
        let values = PerCaller {
            named: HashMap::from([(caller("payments"), 3)]),
            ..PerCaller::from(1)
        };
        assert_eq!(values.of(&caller("payments")), &3);
        assert_eq!(values.of(&CallerId::anonymous()), &1);
    }

    #[test]
    fn an_exact_name_wins_over_a_pattern_and_a_pattern_over_the_default() {
        let glob = CallerGlob::parse("pay-*").expect("a valid pattern");
        let values = PerCaller {
            default: 1,
            named: HashMap::from([(caller("pay-1"), 3)]),
            globs: CallerGlobs::new([(glob, 2)]).expect("one pattern"),
        };
        let value = |name| *values.of(&caller(name));
        assert_eq!(["pay-1", "pay-2", "get-1"].map(value), [3, 2, 1]);
        let callers = ["pay-1", "pay-2", "get-1"].map(caller);
        let sections = callers.each_ref().map(|caller| values.section_of(caller));
        assert_eq!(sections, ["pay-1", "pay-*", "default"]);
    }
}
