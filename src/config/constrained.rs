//! Text values that are parsed and constrained by a type of [`crate::model`].
//!
//! For example, [`Constrained`] over `S3Bucket::parse` reads `"kyc-images"`, and rejects
//! `"no bucket"` with `must be 3 to 255 characters of A-Z a-z 0-9 . - _`.

use super::key_path::quote;
use super::kind::Kind;
use super::layers::RawValue;
use crate::model::BrokenConstraint;

/// A string that `parse` converts. Its error reads `must be ...`.
pub(super) struct Constrained<T> {
    pub(super) parse: fn(&str) -> Result<T, BrokenConstraint>,
    pub(super) format: fn(&T) -> String,
}

impl<T> Kind for Constrained<T> {
    type Value = T;

    fn read(&self, raw: &RawValue) -> Option<T> {
        (self.parse)(raw.text()?).ok()
    }

    fn expected(&self, _: &RawValue) -> String {
        // No such value may be empty, so this returns the error with the constraint.
        let broken = (self.parse)("").err().map(|error| error.to_string());
        let expected = broken.unwrap_or_default();
        expected
            .strip_prefix("must be ")
            .unwrap_or(&expected)
            .to_owned()
    }

    fn write(&self, value: &T) -> String {
        quote(&(self.format)(value))
    }
}
