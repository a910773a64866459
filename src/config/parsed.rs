//! String values that are parsed into a type of another crate or room.
//!
//! For example, [`Parsed`] with a function that parses networks reads `"10.0.0.0/8"`
//! and writes it back as it was.

use super::key_path::quote;
use super::kind::Kind;
use super::layers::RawValue;

/// A string that `read` parses and `write` formats.
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
