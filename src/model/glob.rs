//! Glob patterns for caller names.
//!
//! `*` matches any number of characters except `/`. `**` must be a whole segment and
//! matches any number of segments, including none. All other characters are literal,
//! including `?` and `[`. If several patterns match, the most specific one wins: the one
//! with the most literal characters, then the one with the fewest `**`, then the first in
//! byte order.
//!
//! For example, `spiffe://a.org/ns/*/sa/web` has 25 literal characters and
//! `spiffe://a.org/**` has 15. The first wins for `spiffe://a.org/ns/pay/sa/web`; only the
//! second matches `spiffe://a.org/ns/pay/web`.

use std::cmp::Reverse;
use std::fmt;

use globset::{Glob, GlobBuilder, GlobSet};

use super::CallerId;

/// The wildcard character.
const WILDCARD: char = '*';

/// A glob pattern for caller names: 1 to 128 printable ASCII characters without spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerGlob {
    glob: Glob,
    text: String,
}

/// Why a text is not a valid caller name or pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedGlob {
    /// No caller name could match.
    #[error(
        "a caller name or pattern must be 1 to 128 printable ASCII characters without spaces, \
        and not \"_overflow\""
    )]
    InvalidName,
    /// `**` is only a part of a segment.
    #[error("** must be a whole segment between slashes")]
    PartialSegment,
}

/// The patterns are too large to match in one automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the caller name patterns are too many or too long to match at once")]
pub struct TooManyGlobs;

impl CallerGlob {
    /// Returns whether `name` is a pattern, not an exact name.
    #[must_use]
    pub fn is_glob(name: &str) -> bool {
        name.contains(WILDCARD)
    }

    /// Parses a pattern.
    ///
    /// # Errors
    /// If `text` is not a valid pattern.
    pub fn parse(text: &str) -> Result<Self, MalformedGlob> {
        CallerId::new(text).ok_or(MalformedGlob::InvalidName)?;
        let is_partial = |segment: &str| segment.contains("**") && segment != "**";
        if text.split('/').any(is_partial) {
            return Err(MalformedGlob::PartialSegment);
        }
        let literals: Vec<String> = text.split(WILDCARD).map(globset::escape).collect();
        let built = GlobBuilder::new(&literals.join("*"))
            .literal_separator(true)
            .backslash_escape(false)
            .build();
        // All other characters are escaped, so only wildcards could fail to compile.
        let glob = built.map_err(|_| MalformedGlob::InvalidName)?;
        let text = text.to_owned();
        Ok(Self { glob, text })
    }

    /// Returns the sort key: a lower rank is more specific.
    fn rank(&self) -> (Reverse<usize>, usize, String) {
        let literals = self.text.chars().filter(|c| *c != WILDCARD).count();
        let double_wildcards = self.text.matches("**").count();
        (Reverse(literals), double_wildcards, self.text.clone())
    }
}

/// A value for each pattern.
#[derive(Clone)]
pub struct CallerGlobs<T> {
    /// Most specific first.
    ordered: Vec<(CallerGlob, T)>,
    /// All patterns in one automaton, in the same order.
    matcher: GlobSet,
}

impl<T> CallerGlobs<T> {
    /// Sorts and compiles `globs`.
    ///
    /// # Errors
    /// If they are too large for one automaton.
    pub fn new(globs: impl IntoIterator<Item = (CallerGlob, T)>) -> Result<Self, TooManyGlobs> {
        let mut ordered: Vec<(CallerGlob, T)> = globs.into_iter().collect();
        ordered.sort_by_cached_key(|(glob, _)| glob.rank());
        let matcher = GlobSet::new(ordered.iter().map(|(pattern, _)| &pattern.glob));
        let matcher = matcher.map_err(|_| TooManyGlobs)?;
        Ok(Self { ordered, matcher })
    }

    /// Returns `part` of each value.
    #[must_use]
    pub fn map<U>(&self, part: impl Fn(&T) -> U) -> CallerGlobs<U> {
        let ordered = self.ordered.iter();
        CallerGlobs {
            ordered: ordered
                .map(|(glob, value)| (glob.clone(), part(value)))
                .collect(),
            matcher: self.matcher.clone(),
        }
    }

    /// Returns the value of the most specific pattern that matches `caller`.
    #[must_use]
    pub fn of(&self, caller: &CallerId) -> Option<&T> {
        self.find(caller).map(|(_, value)| value)
    }

    /// Returns the most specific pattern that matches `caller`, and its value.
    #[must_use]
    pub fn find(&self, caller: &CallerId) -> Option<(&str, &T)> {
        let first = self.matcher.matches(caller.as_str()).into_iter().min()?;
        let (pattern, value) = self.ordered.get(first)?;
        Some((&pattern.text, value))
    }

    /// Returns the value of `pattern` itself.
    #[must_use]
    pub fn get(&self, pattern: &str) -> Option<&T> {
        let mut found = self.ordered.iter().filter(|(glob, _)| glob.text == pattern);
        found.next().map(|(_, value)| value)
    }

    /// Returns each pattern and its value, the most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.ordered
            .iter()
            .map(|(glob, value)| (&*glob.text, value))
    }

    /// Returns the number of patterns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ordered.len()
    }

    /// Returns whether there are no patterns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }
}

impl<T> Default for CallerGlobs<T> {
    /// No patterns.
    fn default() -> Self {
        Self {
            ordered: Vec::new(),
            matcher: GlobSet::empty(),
        }
    }
}

impl<T: PartialEq> PartialEq for CallerGlobs<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ordered == other.ordered
    }
}

impl<T: fmt::Debug> fmt::Debug for CallerGlobs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.ordered).finish()
    }
}

#[cfg(test)]
mod tests;
