//! The kinds of values: parsing, the description of valid values, and output as TOML.
//!
//! A value from the file has a TOML type. A value from the environment or the command
//! line is an untyped string, which the kind parses. For example, [`time()`] from 10ms to
//! 60s reads `"3s"` from the file and `3s` from a variable, writes `"3s"`, and rejects `3`
//! with `must be a duration from 10ms to 1m; add a unit, as in "3s"`. The kinds of
//! strings are in [`super::text`], and lists in [`super::list`].

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Value;

use super::key_path::quote;
use super::layers::RawValue;

/// A kind of value.
pub(super) struct Kind<'k, T> {
    /// Describes valid values; completes `must be ...`.
    pub(super) expected: String,
    /// Returns the action for an invalid value, if it is known.
    pub(super) hint: Hint<'k>,
    pub(super) visibility: Visibility,
    read: Parse<'k, T>,
    write: Box<dyn Fn(&T) -> String + 'k>,
}

/// Where values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// In errors and in the printed configuration: numbers, names and addresses.
    Public,
    /// Only in the printed configuration, so only if they are valid. Other text could
    /// contain a password, as in `redis:me:hunter2@host`.
    IfValid,
    /// Nowhere.
    Secret,
}

type Hint<'k> = Box<dyn Fn(&RawValue) -> Option<String> + 'k>;
type Parse<'k, T> = Box<dyn Fn(&RawValue) -> Option<T> + 'k>;

impl<'k, T> Kind<'k, T> {
    pub(super) fn new(
        expected: impl Into<String>,
        read: impl Fn(&RawValue) -> Option<T> + 'k,
        write: impl Fn(&T) -> String + 'k,
    ) -> Self {
        Self {
            expected: expected.into(),
            hint: Box::new(|_| None),
            visibility: Visibility::Public,
            read: Box::new(read),
            write: Box::new(write),
        }
    }

    pub(super) fn visible(self, visibility: Visibility) -> Self {
        Self { visibility, ..self }
    }

    /// Parses `raw`; returns `None` if it is not valid.
    pub(super) fn read(&self, raw: &RawValue) -> Option<T> {
        (self.read)(raw)
    }

    /// Formats a value as TOML.
    pub(super) fn write(&self, value: &T) -> String {
        (self.write)(value)
    }
}

/// A duration with a unit.
pub(super) fn time(bounds: RangeInclusive<Duration>) -> Kind<'static, Duration> {
    let [low, high] = [bounds.start(), bounds.end()].map(|end| humantime::format_duration(*end));
    let expected = format!("a duration from {low} to {high}");
    let hint = {
        let bounds = bounds.clone();
        move |raw: &RawValue| unit_hint(raw, &bounds)
    };
    let read = move |raw: &RawValue| {
        let text = raw.text().filter(|text| !is_number(text))?;
        let time = humantime::parse_duration(text).ok()?;
        bounds.contains(&time).then_some(time)
    };
    let write = |value: &Duration| quote(&humantime::format_duration(*value).to_string());
    Kind {
        hint: Box::new(hint),
        ..Kind::new(expected, read, write)
    }
}

/// Returns the number with a unit that makes it valid, or an example if there is none.
fn unit_hint(raw: &RawValue, bounds: &RangeInclusive<Duration>) -> Option<String> {
    let number = match raw {
        RawValue::Toml(Value::Integer(number)) => *number as f64,
        RawValue::Toml(Value::Float(number)) => *number,
        _ => raw.text()?.trim().parse().ok()?,
    };
    let times = [1.0, 0.001].map(|unit| Duration::try_from_secs_f64(number * unit));
    let valid = times
        .into_iter()
        .flatten()
        .find(|time| bounds.contains(time));
    let example = humantime::format_duration(valid.unwrap_or(*bounds.start()));
    Some(format!("add a unit, as in {}", quote(&example.to_string())))
}

fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok()
}

/// A finite number.
pub(super) fn number(bounds: RangeInclusive<f64>) -> Kind<'static, f64> {
    let expected = format!("a number from {} to {}", bounds.start(), bounds.end());
    float(expected, move |number| bounds.contains(&number))
}

/// A number above 0, up to `high`.
pub(super) fn positive(high: f64) -> Kind<'static, f64> {
    let expected = format!("a number above 0 and at most {high}");
    float(expected, move |number| 0.0 < number && number <= high)
}

fn float(expected: String, is_valid: impl Fn(f64) -> bool + 'static) -> Kind<'static, f64> {
    let read = move |raw: &RawValue| {
        let number = match raw {
            RawValue::Toml(Value::Float(number)) => *number,
            // Integers beyond 2^53 lose precision, and exceed every bound.
            RawValue::Toml(Value::Integer(number)) => *number as f64,
            RawValue::Untyped(text) => text.parse().ok()?,
            _ => return None,
        };
        is_valid(number).then_some(number)
    };
    Kind::new(expected, read, |value| format!("{value:?}"))
}

/// A whole number.
pub(super) fn integer(bounds: RangeInclusive<u32>) -> Kind<'static, u32> {
    let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
    let read = move |raw: &RawValue| {
        let number = match raw {
            RawValue::Toml(Value::Integer(number)) => u32::try_from(*number).ok()?,
            RawValue::Untyped(text) => text.parse().ok()?,
            _ => return None,
        };
        bounds.contains(&number).then_some(number)
    };
    Kind::new(expected, read, u32::to_string)
}

/// A whole number from 1 to `high`.
pub(super) fn count(high: u32) -> Kind<'static, NonZeroU32> {
    let integer = integer(1..=high);
    Kind::new(
        integer.expected.clone(),
        move |raw| NonZeroU32::new(integer.read(raw)?),
        NonZeroU32::to_string,
    )
}

/// A boolean.
pub(super) fn flag() -> Kind<'static, bool> {
    let read = |raw: &RawValue| match raw {
        RawValue::Toml(Value::Boolean(flag)) => Some(*flag),
        RawValue::Untyped(text) => text.parse().ok(),
        _ => None,
    };
    Kind::new("true or false, without quotes", read, bool::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untyped(text: &str) -> RawValue {
        RawValue::Untyped(text.to_owned())
    }

    fn toml(value: impl Into<Value>) -> RawValue {
        RawValue::Toml(value.into())
    }

    #[test]
    fn a_duration_without_a_unit_is_rejected_with_a_hint() {
        let time = time(Duration::from_millis(10)..=Duration::from_secs(60));
        assert_eq!(time.expected, "a duration from 10ms to 1m");
        for bare in [toml(3), untyped("3"), toml("3")] {
            assert_eq!(time.read(&bare), None);
            let hint = "add a unit, as in \"3s\"";
            assert_eq!((time.hint)(&bare).as_deref(), Some(hint));
        }
        for (bare, valid) in [(50, "50s"), (500, "500ms"), (0, "10ms")] {
            let hint = format!("add a unit, as in \"{valid}\"");
            assert_eq!((time.hint)(&toml(bare)), Some(hint));
        }
        assert_eq!((time.hint)(&untyped("soon")), None);
        assert_eq!(time.read(&untyped("0")), None);
        assert_eq!(time.read(&untyped("1m 1ms")), None);
        assert_eq!(
            time.read(&untyped("1s 500ms")),
            Some(Duration::from_millis(1500))
        );
    }

    #[test]
    fn a_number_is_finite_and_within_its_bounds() {
        let share = positive(1.0);
        for invalid in ["0", "1.1", "nan", "inf", "-1", "", "one"] {
            assert_eq!(share.read(&untyped(invalid)), None, "{invalid}");
        }
        assert_eq!(share.read(&toml(f64::NAN)), None);
        assert_eq!(share.read(&toml(1)), Some(1.0));
        assert_eq!(share.read(&untyped("1e-7")), Some(1e-7));
        assert_eq!(share.expected, "a number above 0 and at most 1");
    }

    #[test]
    fn a_count_starts_at_1() {
        let count = count(10);
        for invalid in ["0", "11", "-1", "2.0", "4294967297"] {
            assert_eq!(count.read(&untyped(invalid)), None, "{invalid}");
        }
        assert_eq!(count.read(&untyped("10")).map(NonZeroU32::get), Some(10));
        assert_eq!(count.read(&toml(i64::MAX)), None);
    }

    #[test]
    fn a_string_in_the_file_is_neither_a_number_nor_a_boolean() {
        assert_eq!(flag().read(&toml("true")), None);
        assert_eq!(flag().read(&untyped("true")), Some(true));
        assert_eq!(count(10).read(&toml("5")), None);
    }
}
