//! The constraints of the service model, and AWS's messages for their violations.

use std::ops::RangeInclusive;

use crate::aws_error::AwsError;

/// The length of a string, in characters, and its anchored pattern.
pub(crate) struct TextConstraint {
    length: RangeInclusive<usize>,
    pattern: &'static str,
    matches: fn(&str) -> bool,
}

pub(super) const TOKEN: TextConstraint = TextConstraint {
    length: 1..=64,
    pattern: "^[a-zA-Z0-9-_]+$",
    matches: |text| !text.is_empty() && all(text, |byte| is_word(byte) || byte == b'-'),
};
pub(super) const KMS_KEY: TextConstraint = TextConstraint {
    length: 1..=2048,
    pattern: "^[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,2048}$",
    matches: |text| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && all(text, |byte| is_word(byte) || b":/+=,@.-".contains(&byte))
    },
};
pub(super) const BUCKET: TextConstraint = TextConstraint {
    length: 3..=255,
    pattern: "[0-9A-Za-z\\.\\-_]*",
    matches: |text| all(text, |byte| is_word(byte) || b".-".contains(&byte)),
};
/// `\S` has the meaning of Java: it excludes ASCII white space only.
pub(super) const KEY_PREFIX: TextConstraint = TextConstraint {
    length: 0..=950,
    pattern: "\\S*",
    matches: |text| !text.bytes().any(|byte| b" \t\n\x0b\x0c\r".contains(&byte)),
};
pub(super) const VERSION: TextConstraint = TextConstraint {
    length: 5..=11,
    pattern: "^(0|[1-9]\\d{0,2})\\.(0|[1-9]\\d{0,2})\\.(0|[1-9]\\d{0,2})$",
    matches: |text| text.split('.').count() == 3 && text.split('.').all(is_version_part),
};
pub(crate) const SESSION_ID: TextConstraint = TextConstraint {
    length: 36..=36,
    pattern: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    matches: |text| {
        text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && all(
                text,
                |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'),
            )
    },
};
pub(super) const CHALLENGES: [&str; 2] = ["FaceMovementAndLightChallenge", "FaceMovementChallenge"];

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_version_part(part: &str) -> bool {
    let digits = (1..=3).contains(&part.len()) && all(part, |byte| byte.is_ascii_digit());
    digits && (part == "0" || !part.starts_with('0'))
}

/// The violations of one request, in the order of the service model.
#[derive(Default)]
pub(crate) struct Violations(Vec<String>);

impl Violations {
    pub(crate) fn text(&mut self, path: &str, value: &str, constraint: &TextConstraint) {
        let length = value.chars().count();
        let (min, max) = (constraint.length.start(), constraint.length.end());
        if length < *min {
            self.add(
                path,
                value,
                &format!("have length greater than or equal to {min}"),
            );
        }
        if length > *max {
            self.add(
                path,
                value,
                &format!("have length less than or equal to {max}"),
            );
        }
        if !(constraint.matches)(value) {
            self.add(
                path,
                value,
                &format!("satisfy regular expression pattern: {}", constraint.pattern),
            );
        }
    }

    pub(crate) fn range(&mut self, path: &str, value: i32, range: &RangeInclusive<i32>) {
        let (min, max) = (range.start(), range.end());
        if value < *min {
            self.add(
                path,
                value,
                &format!("have value greater than or equal to {min}"),
            );
        }
        if value > *max {
            self.add(
                path,
                value,
                &format!("have value less than or equal to {max}"),
            );
        }
    }

    pub(super) fn one_of(&mut self, path: &str, value: &str, allowed: &[&str]) {
        if !allowed.contains(&value) {
            self.add(
                path,
                value,
                &format!("satisfy enum value set: [{}]", allowed.join(", ")),
            );
        }
    }

    pub(crate) fn required(&mut self, path: &str) {
        self.0.push(format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ));
    }

    /// Returns an `InvalidParameterException` that lists all violations, if there are any.
    pub(super) fn into_result(self) -> Result<(), AwsError> {
        self.into_error("InvalidParameterException")
            .map_or(Ok(()), Err)
    }

    /// Returns an error with this code that lists all violations, if there are any.
    pub(crate) fn into_error(self, code: &'static str) -> Option<AwsError> {
        let count = self.0.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let all = self.0.join("; ");
        let message = format!("{count} validation {errors} detected: {all}");
        (count > 0).then(|| AwsError::new(code, message))
    }

    fn add(&mut self, path: &str, value: impl std::fmt::Display, requirement: &str) {
        self.0.push(format!(
            "Value '{value}' at '{path}' failed to satisfy constraint: Member must {requirement}"
        ));
    }
}
