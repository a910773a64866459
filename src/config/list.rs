//! Lists of values of one kind.
//!
//! A list in the file is a TOML array: `["a", "b"]`. In a variable or `--set` it is a
//! TOML array or comma-separated: `a,b`. The empty list is `[]` there too: an empty
//! string is rejected because it is more often a mistake than intended.

use std::ops::RangeInclusive;
use std::rc::Rc;

use serde::Deserialize as _;
use toml::de::ValueDeserializer;
use toml::value::{Array, Value};

use super::kind::Kind;
use super::layers::RawValue;

/// A list of values of the kind `each`, with a length within `sizes`. `plural` is the
/// noun for the values in error messages.
pub(super) fn list<'k, T: 'k>(
    plural: &str,
    sizes: RangeInclusive<usize>,
    each: Kind<'k, T>,
) -> Kind<'k, Vec<T>> {
    let (low, high) = (sizes.start(), sizes.end());
    let expected = format!("a list of {low} to {high} {plural}, each {}", each.expected);
    let visibility = each.visibility;
    let each = Rc::new(each);
    let element = each.clone();
    let read = move |raw: &RawValue| {
        let values = match raw {
            RawValue::Toml(Value::Array(values)) => values.clone(),
            RawValue::Untyped(text) => parts(text)?,
            _ => return None,
        };
        let values = sizes.contains(&values.len()).then_some(values)?.into_iter();
        values
            .map(|value| element.read(&RawValue::Toml(value)))
            .collect()
    };
    let write = move |values: &Vec<T>| {
        let values: Vec<String> = values.iter().map(|value| each.write(value)).collect();
        format!("[{}]", values.join(", "))
    };
    Kind::new(expected, read, write).visible(visibility)
}

/// Splits an untyped list: a TOML array, or comma-separated.
fn parts(text: &str) -> Option<Vec<Value>> {
    let text = text.trim();
    if text.starts_with('[') {
        let deserializer = ValueDeserializer::parse(text).ok()?;
        return Array::deserialize(deserializer).ok();
    }
    Some(text.split(',').map(|part| part.trim().into()).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::text::{checked, listed_file};

    fn names() -> Kind<'static, Vec<String>> {
        let name = checked("at least one character", |text| !text.is_empty());
        list("names", 0..=2, name)
    }

    fn paths() -> Kind<'static, Vec<PathBuf>> {
        list("paths", 1..=8, listed_file())
    }

    fn read(text: &str) -> Option<Vec<String>> {
        names().read(&RawValue::Untyped(text.to_owned()))
    }

    fn listed(paths: &[&str]) -> RawValue {
        RawValue::Toml(Value::from(paths.to_vec()))
    }

    #[test]
    fn an_untyped_list_is_a_toml_array_or_comma_separated() {
        let both = Some(vec!["a,b".to_owned(), "c".to_owned()]);
        assert_eq!(read(" [\"a,b\", 'c'] "), both);
        assert_eq!(read("a, c"), Some(vec!["a".to_owned(), "c".to_owned()]));
        let written = names().write(&both.clone().expect("two"));
        assert_eq!(written, r#"["a,b", "c"]"#);
        assert_eq!(read(&written), both);
    }

    #[test]
    fn the_empty_list_is_brackets_and_not_an_empty_string() {
        assert_eq!(read("[]"), Some(Vec::new()));
        assert_eq!(
            names().read(&RawValue::Toml(Value::Array(Vec::new()))),
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
        assert_eq!(
            names().expected,
            "a list of 0 to 2 names, each at least one character"
        );
    }

    #[test]
    fn a_list_of_paths_is_an_array_in_the_file_and_comma_separated_elsewhere() {
        let both = vec![PathBuf::from("/a b"), PathBuf::from("c")];
        assert_eq!(paths().read(&listed(&["/a b", "c"])), Some(both.clone()));
        let untyped = RawValue::Untyped("/a b, c".to_owned());
        assert_eq!(paths().read(&untyped), Some(both.clone()));
        assert_eq!(paths().write(&both), r#"["/a b", "c"]"#);
    }

    #[test]
    fn an_empty_list_too_many_paths_and_unprintable_paths_are_rejected() {
        for invalid in [&[][..], &[""], &["a,b"], &["a\n"], &["\u{e9}"], &["a"; 9]] {
            assert_eq!(paths().read(&listed(invalid)), None, "{invalid:?}");
        }
        for invalid in ["", "a,", ",", "a,\n", "[]"] {
            let untyped = RawValue::Untyped(invalid.to_owned());
            assert_eq!(paths().read(&untyped), None, "{invalid:?}");
        }
        assert_eq!(paths().read(&RawValue::Toml("/a".into())), None);
    }
}
