//! Values that a room outside knows how to read: its words.
//!
//! An example: [`Constrained`] over `S3Bucket::parse` reads `"kyc-images"` and refuses
//! `"no bucket"` with `must be 3 to 255 characters of A-Z a-z 0-9 . - _`.

use super::key_path::quote;
use super::kind::Kind;
use super::layers::RawValue;
use crate::model::BrokenConstraint;

/// A text that `parse` makes a value of, or refuses with what it `must be`.
pub(super) struct Constrained<T> {
    pub(super) parse: fn(&str) -> Result<T, BrokenConstraint>,
    pub(super) show: fn(&T) -> String,
}

impl<T> Kind for Constrained<T> {
    type Value = T;

    fn read(&self, raw: &RawValue) -> Option<T> {
        (self.parse)(raw.text()?).ok()
    }

    fn expected(&self, _: &RawValue) -> String {
        // No word may be empty, so this refuses, and says what it must be.
        let refused = (self.parse)("").err().map(|error| error.to_string());
        let expected = refused.unwrap_or_default();
        expected
            .strip_prefix("must be ")
            .unwrap_or(&expected)
            .to_owned()
    }

    fn write(&self, value: &T) -> String {
        quote(&(self.show)(value))
    }
}
