//! Lists: a few values of one kind.
//!
//! An example: `["a", "b"]` in a file. In a variable or a `--set` the same, or
//! without the brackets: `a,b`. A list of none is `[]` there too: an empty text is
//! refused, for it is more often a error than meant.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::kind::Kind;
use super::layers::RawValue;

/// Values of the kind `each`, as many as `sizes` allows.
pub(super) struct List<K> {
    pub(super) each: K,
    pub(super) sizes: RangeInclusive<usize>,
    /// What they are called, more than one of them.
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
            .map(|one| self.each.read(&RawValue::String(one)))
            .collect()
    }

    fn expected(&self, raw: &RawValue) -> String {
        let (low, high) = (self.sizes.start(), self.sizes.end());
        let (plural, each) = (self.plural, self.each.expected(raw));
        format!("a list of {low} to {high} {plural}, each {each}")
    }

    fn write(&self, value: &Vec<K::Value>) -> String {
        let values: Vec<String> = value.iter().map(|one| self.each.write(one)).collect();
        format!("[{}]", values.join(", "))
    }
}

/// The texts of a list that has no type: as TOML has it, or with commas between.
fn parts(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if !text.starts_with('[') {
        return Some(text.split(',').map(|one| one.trim().to_owned()).collect());
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
            fits: |text| !text.is_empty(),
            expected: "at least one character",
        },
        sizes: 0..=2,
        plural: "names",
    };

    fn read(text: &str) -> Option<Vec<String>> {
        NAMES.read(&RawValue::Untyped(text.to_owned()))
    }

    #[test]
    fn a_list_without_a_type_is_written_as_in_a_file_or_with_commas_between() {
        let both = Some(vec!["a,b".to_owned(), "c".to_owned()]);
        assert_eq!(read(" [\"a,b\", 'c'] "), both);
        assert_eq!(read("a, c"), Some(vec!["a".to_owned(), "c".to_owned()]));
        let written = NAMES.write(&both.clone().expect("two"));
        assert_eq!(written, r#"["a,b", "c"]"#);
        assert_eq!(read(&written), both);
    }

    #[test]
    fn none_is_said_by_brackets_and_never_by_an_empty_text() {
        assert_eq!(read("[]"), Some(Vec::new()));
        assert_eq!(
            NAMES.read(&RawValue::StringArray(Vec::new())),
            Some(Vec::new())
        );
        for wrong in [
            "", " ", ",", "a,", "[", "[]]", "[1]", "[[]]", "[] #", "[\"\"]", "a,b,c",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_list_says_how_many_there_may_be_and_what_each_must_be() {
        let expected = NAMES.expected(&RawValue::Unsupported);
        assert_eq!(
            expected,
            "a list of 0 to 2 names, each at least one character"
        );
    }
}
