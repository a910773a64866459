//! File paths, single and in lists.
//!
//! For example, a list is `["/keys/new", "/keys/old"]` in the file, and the same or
//! `/keys/new,/keys/old` in a variable or `--set`.

use std::path::PathBuf;

use super::key_path::quote;
use super::kind::{Kind, ValidatedString};
use super::layers::RawValue;
use super::list::List;

const MAX_LENGTH: usize = 4096;

/// A list of one to eight paths.
pub(super) const PATHS: List<ListedPath> = List {
    each: ListedPath,
    sizes: 1..=8,
    plural: "paths",
};

/// A single path.
pub(super) const FILE: ValidatedString = ValidatedString {
    is_valid: is_path,
    expected: "the path of a file, of 1 to 4096 printable ASCII characters",
};

/// A path in a list, which may not contain the separator.
pub(super) struct ListedPath;

impl Kind for ListedPath {
    type Value = PathBuf;

    fn read(&self, raw: &RawValue) -> Option<PathBuf> {
        let fits = |text: &&str| is_path(text) && !text.contains(',');
        raw.text().filter(fits).map(PathBuf::from)
    }

    fn expected(&self, _: &RawValue) -> String {
        format!("1 to {MAX_LENGTH} printable ASCII characters without a comma")
    }

    fn write(&self, value: &PathBuf) -> String {
        quote(&value.to_string_lossy())
    }
}

fn is_path(text: &str) -> bool {
    let fits = |byte: u8| (b' '..=b'~').contains(&byte);
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> RawValue {
        RawValue::StringArray(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn a_list_of_paths_is_an_array_in_the_file_and_comma_separated_elsewhere() {
        let both = vec![PathBuf::from("/a b"), PathBuf::from("c")];
        assert_eq!(PATHS.read(&listed(&["/a b", "c"])), Some(both.clone()));
        let untyped = RawValue::Untyped("/a b, c".to_owned());
        assert_eq!(PATHS.read(&untyped), Some(both.clone()));
        assert_eq!(PATHS.write(&both), r#"["/a b", "c"]"#);
    }

    #[test]
    fn an_empty_list_too_many_paths_and_unprintable_paths_are_rejected() {
        for invalid in [&[][..], &[""], &["a,b"], &["a\n"], &["\u{e9}"], &["a"; 9]] {
            assert_eq!(PATHS.read(&listed(invalid)), None, "{invalid:?}");
        }
        for invalid in ["", "a,", ",", "a,\n", "[]"] {
            assert_eq!(
                PATHS.read(&RawValue::Untyped(invalid.to_owned())),
                None,
                "{invalid:?}"
            );
        }
        assert_eq!(PATHS.read(&RawValue::String("/a".to_owned())), None);
    }
}
