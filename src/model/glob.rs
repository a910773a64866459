//! Callers by the form of their names.
//!
//! In a form `*` stands for any number of characters but `/`, and `**`, in the
//! place of a whole segment, for any number of segments, none included. All else
//! stands for itself, `?` and `[` too. Of several forms the most specific counts:
//! the one with more characters that stand for themselves, then the one with fewer
//! `**`, then the one that comes first by its text.
//!
//! An example: `spiffe://a.org/ns/*/sa/web` has 25 such characters and
//! `spiffe://a.org/**` has 15, so `spiffe://a.org/ns/pay/sa/web` has what the former
//! says, and `spiffe://a.org/ns/pay/web` what the latter does.

use std::cmp::Reverse;
use std::fmt;

use globset::{Glob, GlobBuilder, GlobSet};

use super::CallerId;

/// What stands for others.
const WILD: char = '*';

/// The form of callers' names: 1 to 128 printable ASCII characters, without spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerGlob {
    glob: Glob,
    text: String,
}

/// A text that is no form of callers' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedGlob {
    /// No caller could have such a name.
    #[error(
        "a caller's name, or the form of one, must be 1 to 128 printable ASCII characters, \
        without spaces"
    )]
    NoName,
    /// `**` in the middle of a segment.
    #[error("** must stand between slashes, in the place of a whole segment")]
    PartOfSegment,
}

/// More forms than can be looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the forms of callers' names are too many, and too long, to be compared with at once")]
pub struct TooManyGlobs;

impl CallerGlob {
    /// Whether `name` is a form rather than a name.
    #[must_use]
    pub fn is_glob(name: &str) -> bool {
        name.contains(WILD)
    }

    /// Reads a form.
    ///
    /// # Errors
    /// Where `text` is none.
    pub fn parse(text: &str) -> Result<Self, MalformedGlob> {
        CallerId::new(text).ok_or(MalformedGlob::NoName)?;
        let is_part = |segment: &str| segment.contains("**") && segment != "**";
        if text.split('/').any(is_part) {
            return Err(MalformedGlob::PartOfSegment);
        }
        let literals: Vec<String> = text.split(WILD).map(globset::escape).collect();
        let built = GlobBuilder::new(&literals.join("*"))
            .literal_separator(true)
            .backslash_escape(false)
            .build();
        // Nothing but stars is left that the library could object to.
        let glob = built.map_err(|_| MalformedGlob::NoName)?;
        let text = text.to_owned();
        Ok(Self { glob, text })
    }

    /// The less, the more specific.
    fn rank(&self) -> (Reverse<usize>, usize, String) {
        let literals = self.text.chars().filter(|one| *one != WILD).count();
        let across = self.text.matches("**").count();
        (Reverse(literals), across, self.text.clone())
    }
}

/// What each form of callers' names comes to.
#[derive(Clone)]
pub struct CallerGlobs<T> {
    /// The most specific first.
    ordered: Vec<(CallerGlob, T)>,
    /// All of them in one automaton, in the same order.
    matcher: GlobSet,
}

impl<T> CallerGlobs<T> {
    /// Orders `globs`.
    ///
    /// # Errors
    /// Where they are too large to be compared with together.
    pub fn new(globs: impl IntoIterator<Item = (CallerGlob, T)>) -> Result<Self, TooManyGlobs> {
        let mut ordered: Vec<(CallerGlob, T)> = globs.into_iter().collect();
        ordered.sort_by_cached_key(|(glob, _)| glob.rank());
        let matcher = GlobSet::new(ordered.iter().map(|(one, _)| &one.glob));
        let matcher = matcher.map_err(|_| TooManyGlobs)?;
        Ok(Self { ordered, matcher })
    }

    /// What the most specific form of `caller`'s name comes to.
    #[must_use]
    pub fn of(&self, caller: &CallerId) -> Option<&T> {
        let first = self.matcher.matches(caller.as_str()).into_iter().min()?;
        self.ordered.get(first).map(|(_, value)| value)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ordered.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }
}

impl<T> Default for CallerGlobs<T> {
    /// None.
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
