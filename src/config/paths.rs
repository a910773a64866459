//! The paths of files: one, or a few.
//!
//! An example: `["/keys/new", "/keys/old"]` in a file, and in a variable or a
//! `--set` the same with a comma between: `/keys/new,/keys/old`.

use std::path::PathBuf;

use super::key_path::quote;
use super::kind::{Kind, ValidatedString};
use super::layers::RawValue;
use super::list::List;

const LONGEST: usize = 4096;

/// One to eight paths.
pub(super) const PATHS: List<ListedPath> = List {
    each: ListedPath,
    sizes: 1..=8,
    plural: "paths",
};

/// One file, alone.
pub(super) const FILE: ValidatedString = ValidatedString {
    fits: is_path,
    expected: "the path of a file, of 1 to 4096 printable ASCII characters",
};

/// A path that can stand between commas.
pub(super) struct ListedPath;

impl Kind for ListedPath {
    type Value = PathBuf;

    fn read(&self, raw: &RawValue) -> Option<PathBuf> {
        let fits = |text: &&str| is_path(text) && !text.contains(',');
        raw.text().filter(fits).map(PathBuf::from)
    }

    fn expected(&self, _: &RawValue) -> String {
        format!("1 to {LONGEST} printable ASCII characters without a comma")
    }

    fn write(&self, value: &PathBuf) -> String {
        quote(&value.to_string_lossy())
    }
}

fn is_path(text: &str) -> bool {
    let fits = |byte: u8| (b' '..=b'~').contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> RawValue {
        RawValue::StringArray(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn paths_are_listed_in_a_file_and_have_commas_between_elsewhere() {
        let both = vec![PathBuf::from("/a b"), PathBuf::from("c")];
        assert_eq!(PATHS.read(&listed(&["/a b", "c"])), Some(both.clone()));
        let untyped = RawValue::Untyped("/a b, c".to_owned());
        assert_eq!(PATHS.read(&untyped), Some(both.clone()));
        assert_eq!(PATHS.write(&both), r#"["/a b", "c"]"#);
    }

    #[test]
    fn no_path_too_many_and_strange_ones_are_refused() {
        for wrong in [&[][..], &[""], &["a,b"], &["a\n"], &["\u{e9}"], &["a"; 9]] {
            assert_eq!(PATHS.read(&listed(wrong)), None, "{wrong:?}");
        }
        for wrong in ["", "a,", ",", "a,\n", "[]"] {
            assert_eq!(
                PATHS.read(&RawValue::Untyped(wrong.to_owned())),
                None,
                "{wrong:?}"
            );
        }
        assert_eq!(PATHS.read(&RawValue::String("/a".to_owned())), None);
    }
}
