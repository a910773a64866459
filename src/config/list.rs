//! Lists of values of one kind.
//!
//! A list in the file is a TOML array: `["a", "b"]`. In a variable or `--set` it is a
//! TOML array or comma-separated: `a,b`. The empty list is `[]` there too: an empty
//! string is rejected because it is more often a mistake than intended.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::kind::Kind;
use super::layers::RawValue;

/// A list of values of the kind `each`, with a length within `sizes`.
pub(super) struct List<K> {
    pub(super) each: K,
    pub(super) sizes: RangeInclusive<usize>,
    /// The plural noun for the values, in error messages.
    pub(super) plural: &'static str,
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, raw: &RawValue) -> Option<Vec<K::Value>> {
        let texts = match raw {
            RawValue::StringArray(texts) => texts.clone(),
            RawValue::Untyped(text) => parts(text)?,
            RawValue::String(_) | RawValue::Integer(_) | RawValue::Float(_) => return None,
            RawValue::Boolean(_) | RawValue::Unsupported | RawValue::Table => return None,
        };
        if !self.sizes.contains(&texts.len()) {
            return None;
        }
        let values = texts.into_iter();
        values
            .map(|text| self.each.read(&RawValue::String(text)))
            .collect()
    }

    fn expected(&self, raw: &RawValue) -> String {
        let (low, high) = (self.sizes.start(), self.sizes.end());
        let (plural, each) = (self.plural, self.each.expected(raw));
        format!("a list of {low} to {high} {plural}, each {each}")
    }

    fn write(&self, value: &Vec<K::Value>) -> String {
        let values: Vec<String> = value.iter().map(|value| self.each.write(value)).collect();
        format!("[{}]", values.join(", "))
    }
}

/// Splits an untyped list: a TOML array of strings, or comma-separated.
fn parts(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if !text.starts_with('[') {
        return Some(text.split(',').map(|part| part.trim().to_owned()).collect());
    }
    let document = DeValue::parse(text).ok()?;
    let DeValue::Array(values) = document.get_ref() else {
        return None;
    };
    let texts = values.iter().map(|value| match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::ValidatedString;

    const NAMES: List<ValidatedString> = List {
        each: ValidatedString {
            is_valid: |text| !text.is_empty(),
            expected: "at least one character",
        },
        sizes: 0..=2,
        plural: "names",
    };

    fn read(text: &str) -> Option<Vec<String>> {
        NAMES.read(&RawValue::Untyped(text.to_owned()))
    }

    #[test]
    fn an_untyped_list_is_a_toml_array_or_comma_separated() {
        let both = Some(vec!["a,b".to_owned(), "c".to_owned()]);
        assert_eq!(read(" [\"a,b\", 'c'] "), both);
        assert_eq!(read("a, c"), Some(vec!["a".to_owned(), "c".to_owned()]));
        let written = NAMES.write(&both.clone().expect("two"));
        assert_eq!(written, r#"["a,b", "c"]"#);
        assert_eq!(read(&written), both);
    }

    #[test]
    fn the_empty_list_is_brackets_and_not_an_empty_string() {
        assert_eq!(read("[]"), Some(Vec::new()));
        assert_eq!(
            NAMES.read(&RawValue::StringArray(Vec::new())),
            Some(Vec::new())
        );
        for invalid in [
            "", " ", ",", "a,", "[", "[]]", "[1]", "[[]]", "[] #", "[\"\"]", "a,b,c",
        ] {
            assert_eq!(read(invalid), None, "{invalid:?}");
        }
    }

    #[test]
    fn the_error_gives_the_bounds_of_the_length_and_of_each_value() {
        let expected = NAMES.expected(&RawValue::Unsupported);
        assert_eq!(
            expected,
            "a list of 0 to 2 names, each at least one character"
        );
    }
}
