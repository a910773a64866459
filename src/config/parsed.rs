//! Values that are texts here and something else outside.
//!
//! An example: [`Parsed`] over a function that reads networks makes
//! `10.0.0.0/8` of `"10.0.0.0/8"`, and writes it so again.

use super::key_path::quote;
use super::kind::Kind;
use super::layers::RawValue;

/// A text that `read` makes a value of, or does not.
pub(super) struct Parsed<T> {
    pub(super) read: fn(&str) -> Option<T>,
    pub(super) write: fn(&T) -> String,
    pub(super) expected: &'static str,
}

impl<T> Kind for Parsed<T> {
    type Value = T;

    fn read(&self, raw: &RawValue) -> Option<T> {
        (self.read)(raw.text()?)
    }

    fn expected(&self, _: &RawValue) -> String {
        self.expected.to_owned()
    }

    fn write(&self, value: &T) -> String {
        quote(&(self.write)(value))
    }
}
