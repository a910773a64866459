//! The kinds of values: parsing, the description of valid values, and output as TOML.
//!
//! A value from the file has a TOML type. A value from the environment or the command
//! line is an untyped string, which the kind parses. For example, [`Time`] from 10ms to
//! 60s reads `"3s"` from the file and `3s` from a variable, writes `"3s"`, and rejects `3`
//! with `must be a duration from 10ms to 1m; add a unit, as in "3s"`.

use std::num::NonZeroU32;
use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::time::Duration;

use super::key_path::quote;
use super::layers::RawValue;

/// A kind of value.
pub(super) trait Kind {
    /// The type of a parsed value.
    type Value;
    /// Parses `raw`; returns `None` if it is not valid.
    fn read(&self, raw: &RawValue) -> Option<Self::Value>;
    /// Describes valid values; completes `must be ...`.
    fn expected(&self, raw: &RawValue) -> String;
    /// Formats a value as TOML.
    fn write(&self, value: &Self::Value) -> String;
    /// Returns whether values must not be shown.
    fn is_secret(&self) -> bool {
        false
    }
}

/// A duration with a unit.
pub(super) struct Time(pub(super) RangeInclusive<Duration>);

impl Kind for Time {
    type Value = Duration;

    fn read(&self, raw: &RawValue) -> Option<Duration> {
        if is_bare_number(raw) {
            return None;
        }
        let time = humantime::parse_duration(raw.text()?).ok()?;
        self.0.contains(&time).then_some(time)
    }

    fn expected(&self, raw: &RawValue) -> String {
        let [low, high] =
            [self.0.start(), self.0.end()].map(|end| humantime::format_duration(*end));
        let hint = match raw {
            RawValue::Integer(number) => {
                format!("; add a unit, as in \"{}s\"", number.unsigned_abs())
            }
            RawValue::Float(_) => "; add a unit, as in \"1500ms\"".to_owned(),
            RawValue::String(number) | RawValue::Untyped(number) if is_bare_number(raw) => {
                format!(
                    "; add a unit, as in {}",
                    quote(&format!("{}s", number.trim()))
                )
            }
            RawValue::String(_)
            | RawValue::Untyped(_)
            | RawValue::Boolean(_)
            | RawValue::StringArray(_)
            | RawValue::Unsupported
            | RawValue::Table => String::new(),
        };
        format!("a duration from {low} to {high}{hint}")
    }

    fn write(&self, value: &Duration) -> String {
        quote(&humantime::format_duration(*value).to_string())
    }
}

fn is_bare_number(raw: &RawValue) -> bool {
    matches!(raw, RawValue::Integer(_) | RawValue::Float(_))
        || raw
            .text()
            .is_some_and(|text| text.trim().parse::<f64>().is_ok())
}

/// A finite number.
pub(super) struct Number {
    pub(super) low: Bound<f64>,
    pub(super) high: f64,
}

impl Kind for Number {
    type Value = f64;

    fn read(&self, raw: &RawValue) -> Option<f64> {
        let number = match raw {
            RawValue::Float(number) => *number,
            // Integers beyond 2^53 lose precision, and exceed every bound.
            RawValue::Integer(number) => *number as f64,
            RawValue::Untyped(text) => text.parse().ok()?,
            RawValue::String(_)
            | RawValue::Boolean(_)
            | RawValue::StringArray(_)
            | RawValue::Unsupported
            | RawValue::Table => return None,
        };
        (self.low, Bound::Included(self.high))
            .contains(&number)
            .then_some(number)
    }

    fn expected(&self, _: &RawValue) -> String {
        let high = self.high;
        match self.low {
            Bound::Included(low) => format!("a number from {low} to {high}"),
            Bound::Excluded(low) => format!("a number above {low} and at most {high}"),
            Bound::Unbounded => format!("a number of at most {high}"),
        }
    }

    fn write(&self, value: &f64) -> String {
        format!("{value:?}")
    }
}

/// A whole number from 1.
pub(super) struct Count {
    pub(super) high: u32,
}

impl Kind for Count {
    type Value = NonZeroU32;

    fn read(&self, raw: &RawValue) -> Option<NonZeroU32> {
        let number = match raw {
            RawValue::Integer(number) => u32::try_from(*number).ok()?,
            RawValue::Untyped(text) => text.parse().ok()?,
            RawValue::String(_)
            | RawValue::Float(_)
            | RawValue::Boolean(_)
            | RawValue::StringArray(_)
            | RawValue::Unsupported
            | RawValue::Table => return None,
        };
        NonZeroU32::new(number).filter(|number| number.get() <= self.high)
    }

    fn expected(&self, _: &RawValue) -> String {
        format!("a whole number from 1 to {}", self.high)
    }

    fn write(&self, value: &NonZeroU32) -> String {
        value.to_string()
    }
}

/// A small whole number, which may be 0.
pub(super) struct SmallInteger(pub(super) RangeInclusive<u8>);

impl Kind for SmallInteger {
    type Value = u8;

    fn read(&self, raw: &RawValue) -> Option<u8> {
        let number = match raw {
            RawValue::Integer(number) => u8::try_from(*number).ok()?,
            RawValue::Untyped(text) => text.parse().ok()?,
            RawValue::String(_) | RawValue::Float(_) | RawValue::Boolean(_) => return None,
            RawValue::StringArray(_) | RawValue::Unsupported | RawValue::Table => return None,
        };
        self.0.contains(&number).then_some(number)
    }

    fn expected(&self, _: &RawValue) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn write(&self, value: &u8) -> String {
        value.to_string()
    }
}

/// A boolean.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, raw: &RawValue) -> Option<bool> {
        match raw {
            RawValue::Boolean(flag) => Some(*flag),
            RawValue::Untyped(text) => text.parse().ok(),
            RawValue::String(_)
            | RawValue::Integer(_)
            | RawValue::Float(_)
            | RawValue::StringArray(_)
            | RawValue::Unsupported
            | RawValue::Table => None,
        }
    }

    fn expected(&self, _: &RawValue) -> String {
        "true or false, without quotes".to_owned()
    }

    fn write(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// One of several names, each with its value.
pub(super) struct Choice<'c, T>(pub(super) &'c [(&'c str, T)]);

impl<T: Clone + PartialEq> Kind for Choice<'_, T> {
    type Value = T;

    fn read(&self, raw: &RawValue) -> Option<T> {
        let text = raw.text()?;
        let (_, value) = self.0.iter().find(|(name, _)| *name == text)?;
        Some(value.clone())
    }

    fn expected(&self, _: &RawValue) -> String {
        let names: Vec<String> = self.0.iter().map(|(name, _)| quote(name)).collect();
        format!("one of {}", names.join(", "))
    }

    fn write(&self, value: &T) -> String {
        let named = self.0.iter().find(|(_, choice)| choice == value);
        debug_assert!(named.is_some(), "the default is one of the choices");
        named.map(|(name, _)| quote(name)).unwrap_or_default()
    }
}

/// A string that passes a check.
pub(super) struct ValidatedString {
    pub(super) is_valid: fn(&str) -> bool,
    pub(super) expected: &'static str,
}

impl Kind for ValidatedString {
    type Value = String;

    fn read(&self, raw: &RawValue) -> Option<String> {
        raw.text()
            .filter(|text| (self.is_valid)(text))
            .map(str::to_owned)
    }

    fn expected(&self, _: &RawValue) -> String {
        self.expected.to_owned()
    }

    fn write(&self, value: &String) -> String {
        quote(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untyped(text: &str) -> RawValue {
        RawValue::Untyped(text.to_owned())
    }

    #[test]
    fn a_duration_without_a_unit_is_rejected_with_a_hint() {
        let time = Time(Duration::from_millis(10)..=Duration::from_secs(60));
        for bare in [
            RawValue::Integer(3),
            untyped("3"),
            RawValue::String("3".to_owned()),
        ] {
            assert_eq!(time.read(&bare), None);
            let expected = "a duration from 10ms to 1m; add a unit, as in \"3s\"";
            assert_eq!(time.expected(&bare), expected);
        }
        assert_eq!(time.read(&untyped("0")), None);
        assert_eq!(time.read(&untyped("1m 1ms")), None);
        assert_eq!(
            time.read(&untyped("1s 500ms")),
            Some(Duration::from_millis(1500))
        );
    }

    #[test]
    fn a_number_is_finite_and_within_its_bounds() {
        let share = Number {
            low: Bound::Excluded(0.0),
            high: 1.0,
        };
        for invalid in ["0", "1.1", "nan", "inf", "-1", "", "one"] {
            assert_eq!(share.read(&untyped(invalid)), None, "{invalid}");
        }
        assert_eq!(share.read(&RawValue::Float(f64::NAN)), None);
        assert_eq!(share.read(&RawValue::Integer(1)), Some(1.0));
        assert_eq!(share.read(&untyped("1e-7")), Some(1e-7));
        assert_eq!(
            share.expected(&RawValue::Table),
            "a number above 0 and at most 1"
        );
    }

    #[test]
    fn a_count_starts_at_1() {
        let count = Count { high: 10 };
        for invalid in ["0", "11", "-1", "2.0", "4294967297"] {
            assert_eq!(count.read(&untyped(invalid)), None, "{invalid}");
        }
        assert_eq!(count.read(&untyped("10")).map(NonZeroU32::get), Some(10));
        assert_eq!(count.read(&RawValue::Integer(i64::MAX)), None);
    }

    #[test]
    fn a_string_in_the_file_is_neither_a_number_nor_a_boolean() {
        assert_eq!(Flag.read(&RawValue::String("true".to_owned())), None);
        assert_eq!(Flag.read(&untyped("true")), Some(true));
        assert_eq!(
            Count { high: 10 }.read(&RawValue::String("5".to_owned())),
            None
        );
    }
}
