//! Values that a room outside knows how to read: its words.
//!
//! An example: [`Word`] over `S3Bucket::parse` reads `"kyc-images"` and refuses
//! `"no bucket"` with `must be 3 to 255 characters of A-Z a-z 0-9 . - _`.

use std::ops::RangeInclusive;

use super::key::quote;
use super::kind::Kind;
use super::layers::Raw;
use crate::model::BrokenConstraint;

/// A text that `parse` makes a value of, or refuses with what it `must be`.
pub(super) struct Word<T> {
    pub(super) parse: fn(&str) -> Result<T, BrokenConstraint>,
    pub(super) show: fn(&T) -> String,
}

impl<T> Kind for Word<T> {
    type Value = T;

    fn read(&self, raw: &Raw) -> Option<T> {
        (self.parse)(raw.text()?).ok()
    }

    fn expected(&self, _: &Raw) -> String {
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

/// A small whole number that may be 0.
pub(super) struct Few(pub(super) RangeInclusive<u8>);

impl Kind for Few {
    type Value = u8;

    fn read(&self, raw: &Raw) -> Option<u8> {
        let number = match raw {
            Raw::Integer(number) => u8::try_from(*number).ok()?,
            Raw::Untyped(text) => text.parse().ok()?,
            Raw::Text(_) | Raw::Float(_) | Raw::Flag(_) => return None,
            Raw::Texts(_) | Raw::Other | Raw::Section => return None,
        };
        self.0.contains(&number).then_some(number)
    }

    fn expected(&self, _: &Raw) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn write(&self, value: &u8) -> String {
        value.to_string()
    }
}
