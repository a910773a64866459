//! What a value may be: how it is read, what is said of one that does not fit,
//! and how it is written back.
//!
//! A value from a file has TOML's type; one from the environment or the command
//! line is a text, whose type the kind knows. An example: [`Time`] from 10ms to
//! 60s reads `"3s"` of a file and `3s` of a variable, writes `"3s"`, and refuses
//! `3` with `must be a duration from 10ms to 1m; add a unit, as in "3s"`.

use std::num::NonZeroU32;
use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::time::Duration;

use super::key::quote;
use super::layers::Raw;

/// A kind of value.
pub(super) trait Kind {
    /// What is made of it.
    type Value;
    /// The value of `raw`, where it fits.
    fn read(&self, raw: &Raw) -> Option<Self::Value>;
    /// What a value must be: the end of `must be ...`.
    fn expected(&self, raw: &Raw) -> String;
    /// The value in TOML.
    fn write(&self, value: &Self::Value) -> String;
    /// Whether a value must not be shown.
    fn is_secret(&self) -> bool {
        false
    }
}

/// A length of time, with its unit.
pub(super) struct Time(pub(super) RangeInclusive<Duration>);

impl Kind for Time {
    type Value = Duration;

    fn read(&self, raw: &Raw) -> Option<Duration> {
        if is_bare_number(raw) {
            return None;
        }
        let time = humantime::parse_duration(raw.text()?).ok()?;
        self.0.contains(&time).then_some(time)
    }

    fn expected(&self, raw: &Raw) -> String {
        let [low, high] =
            [self.0.start(), self.0.end()].map(|end| humantime::format_duration(*end));
        let hint = match raw {
            Raw::Integer(number) => format!("; add a unit, as in \"{}s\"", number.unsigned_abs()),
            Raw::Float(_) => "; add a unit, as in \"1500ms\"".to_owned(),
            Raw::Text(number) | Raw::Untyped(number) if is_bare_number(raw) => {
                format!(
                    "; add a unit, as in {}",
                    quote(&format!("{}s", number.trim()))
                )
            }
            Raw::Text(_)
            | Raw::Untyped(_)
            | Raw::Flag(_)
            | Raw::Texts(_)
            | Raw::Other
            | Raw::Section => String::new(),
        };
        format!("a duration from {low} to {high}{hint}")
    }

    fn write(&self, value: &Duration) -> String {
        quote(&humantime::format_duration(*value).to_string())
    }
}

fn is_bare_number(raw: &Raw) -> bool {
    matches!(raw, Raw::Integer(_) | Raw::Float(_))
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

    fn read(&self, raw: &Raw) -> Option<f64> {
        let number = match raw {
            Raw::Float(number) => *number,
            // Integers past 2^53 lose digits, and are out of every bound.
            Raw::Integer(number) => *number as f64,
            Raw::Untyped(text) => text.parse().ok()?,
            Raw::Text(_) | Raw::Flag(_) | Raw::Texts(_) | Raw::Other | Raw::Section => return None,
        };
        (self.low, Bound::Included(self.high))
            .contains(&number)
            .then_some(number)
    }

    fn expected(&self, _: &Raw) -> String {
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

    fn read(&self, raw: &Raw) -> Option<NonZeroU32> {
        let number = match raw {
            Raw::Integer(number) => u32::try_from(*number).ok()?,
            Raw::Untyped(text) => text.parse().ok()?,
            Raw::Text(_)
            | Raw::Float(_)
            | Raw::Flag(_)
            | Raw::Texts(_)
            | Raw::Other
            | Raw::Section => return None,
        };
        NonZeroU32::new(number).filter(|number| number.get() <= self.high)
    }

    fn expected(&self, _: &Raw) -> String {
        format!("a whole number from 1 to {}", self.high)
    }

    fn write(&self, value: &NonZeroU32) -> String {
        value.to_string()
    }
}

/// Yes or no.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, raw: &Raw) -> Option<bool> {
        match raw {
            Raw::Flag(flag) => Some(*flag),
            Raw::Untyped(text) => text.parse().ok(),
            Raw::Text(_)
            | Raw::Integer(_)
            | Raw::Float(_)
            | Raw::Texts(_)
            | Raw::Other
            | Raw::Section => None,
        }
    }

    fn expected(&self, _: &Raw) -> String {
        "true or false, without quotes".to_owned()
    }

    fn write(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// One of a few names, each with what it stands for.
pub(super) struct Choice<'c, T>(pub(super) &'c [(&'c str, T)]);

impl<T: Clone + PartialEq> Kind for Choice<'_, T> {
    type Value = T;

    fn read(&self, raw: &Raw) -> Option<T> {
        let text = raw.text()?;
        let found = self.0.iter().find(|(name, _)| *name == text)?;
        Some(found.1.clone())
    }

    fn expected(&self, _: &Raw) -> String {
        let names: Vec<String> = self.0.iter().map(|(name, _)| quote(name)).collect();
        format!("one of {}", names.join(", "))
    }

    fn write(&self, value: &T) -> String {
        let named = self.0.iter().find(|(_, one)| one == value);
        debug_assert!(named.is_some(), "a default is one of the choices");
        named.map(|(name, _)| quote(name)).unwrap_or_default()
    }
}

/// A text of a form that has a test.
pub(super) struct Text {
    pub(super) fits: fn(&str) -> bool,
    pub(super) expected: &'static str,
}

impl Kind for Text {
    type Value = String;

    fn read(&self, raw: &Raw) -> Option<String> {
        raw.text()
            .filter(|text| (self.fits)(text))
            .map(str::to_owned)
    }

    fn expected(&self, _: &Raw) -> String {
        self.expected.to_owned()
    }

    fn write(&self, value: &String) -> String {
        quote(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untyped(text: &str) -> Raw {
        Raw::Untyped(text.to_owned())
    }

    #[test]
    fn a_duration_without_a_unit_is_told_which_to_add() {
        let time = Time(Duration::from_millis(10)..=Duration::from_secs(60));
        for bare in [Raw::Integer(3), untyped("3"), Raw::Text("3".to_owned())] {
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
    fn a_number_keeps_its_bounds_and_is_finite() {
        let share = Number {
            low: Bound::Excluded(0.0),
            high: 1.0,
        };
        for wrong in ["0", "1.1", "nan", "inf", "-1", "", "one"] {
            assert_eq!(share.read(&untyped(wrong)), None, "{wrong}");
        }
        assert_eq!(share.read(&Raw::Float(f64::NAN)), None);
        assert_eq!(share.read(&Raw::Integer(1)), Some(1.0));
        assert_eq!(share.read(&untyped("1e-7")), Some(1e-7));
        assert_eq!(
            share.expected(&Raw::Section),
            "a number above 0 and at most 1"
        );
    }

    #[test]
    fn a_count_starts_at_1() {
        let count = Count { high: 10 };
        for wrong in ["0", "11", "-1", "2.0", "4294967297"] {
            assert_eq!(count.read(&untyped(wrong)), None, "{wrong}");
        }
        assert_eq!(count.read(&untyped("10")).map(NonZeroU32::get), Some(10));
        assert_eq!(count.read(&Raw::Integer(i64::MAX)), None);
    }

    #[test]
    fn a_text_in_the_file_is_no_number_and_no_flag() {
        assert_eq!(Flag.read(&Raw::Text("true".to_owned())), None);
        assert_eq!(Flag.read(&untyped("true")), Some(true));
        assert_eq!(Count { high: 10 }.read(&Raw::Text("5".to_owned())), None);
    }
}
