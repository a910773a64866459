//! The constraints of the service model, and AWS's words for a broken one.

use std::ops::RangeInclusive;

use crate::refusal::Refusal;

/// A text's bounds, in characters, and its anchored pattern.
pub(super) struct CheckedText {
    length: RangeInclusive<usize>,
    pattern: &'static str,
    matches: fn(&str) -> bool,
}

pub(super) const TOKEN: CheckedText = CheckedText {
    length: 1..=64,
    pattern: "^[a-zA-Z0-9-_]+$",
    matches: |text| !text.is_empty() && all(text, |byte| is_word(byte) || byte == b'-'),
};
pub(super) const KMS_KEY: CheckedText = CheckedText {
    length: 1..=2048,
    pattern: "^[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,2048}$",
    matches: |text| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && all(text, |byte| is_word(byte) || b":/+=,@.-".contains(&byte))
    },
};
pub(super) const BUCKET: CheckedText = CheckedText {
    length: 3..=255,
    pattern: "[0-9A-Za-z\\.\\-_]*",
    matches: |text| all(text, |byte| is_word(byte) || b".-".contains(&byte)),
};
/// The service's `\S` is Java's: the white space that it bars is ASCII's.
pub(super) const KEY_PREFIX: CheckedText = CheckedText {
    length: 0..=950,
    pattern: "\\S*",
    matches: |text| !text.bytes().any(|byte| b" \t\n\x0b\x0c\r".contains(&byte)),
};
pub(super) const VERSION: CheckedText = CheckedText {
    length: 5..=11,
    pattern: "^(0|[1-9]\\d{0,2})\\.(0|[1-9]\\d{0,2})\\.(0|[1-9]\\d{0,2})$",
    matches: |text| text.split('.').count() == 3 && text.split('.').all(is_version_part),
};
pub(super) const SESSION_ID: CheckedText = CheckedText {
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

/// The broken constraints of one request, in the order of the model.
#[derive(Default)]
pub(super) struct Violations(Vec<String>);

impl Violations {
    pub(super) fn text(&mut self, path: &str, value: &str, rule: &CheckedText) {
        let length = value.chars().count();
        let (least, most) = (rule.length.start(), rule.length.end());
        if length < *least {
            self.add(
                path,
                value,
                &format!("have length greater than or equal to {least}"),
            );
        }
        if length > *most {
            self.add(
                path,
                value,
                &format!("have length less than or equal to {most}"),
            );
        }
        if !(rule.matches)(value) {
            self.add(
                path,
                value,
                &format!("satisfy regular expression pattern: {}", rule.pattern),
            );
        }
    }

    pub(super) fn range(&mut self, path: &str, value: i32, range: &RangeInclusive<i32>) {
        let (least, most) = (range.start(), range.end());
        if value < *least {
            self.add(
                path,
                value,
                &format!("have value greater than or equal to {least}"),
            );
        }
        if value > *most {
            self.add(
                path,
                value,
                &format!("have value less than or equal to {most}"),
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

    pub(super) fn required(&mut self, path: &str) {
        let constraint = "failed to satisfy constraint: Member must not be null";
        self.0.push(format!("Value null at '{path}' {constraint}"));
    }

    /// Refuses the request where anything is broken.
    pub(super) fn none(self) -> Result<(), Refusal> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        let all = self.0.join("; ");
        Err(Refusal::invalid_parameter(format!(
            "{count} validation {errors} detected: {all}"
        )))
    }

    fn add(&mut self, path: &str, value: impl std::fmt::Display, must: &str) {
        let constraint = "failed to satisfy constraint: Member must";
        self.0
            .push(format!("Value '{value}' at '{path}' {constraint} {must}"));
    }
}
