//! The paths of a few files.
//!
//! An example: `["/keys/new", "/keys/old"]` in a file, and in a variable or a
//! `--set` the same with a comma between: `/keys/new,/keys/old`.

use std::path::PathBuf;

use super::key::quote;
use super::kind::Kind;
use super::layers::Raw;

const MOST: usize = 8;
const LONGEST: usize = 4096;

/// One to eight paths.
pub(super) struct Paths;

impl Kind for Paths {
    type Value = Vec<PathBuf>;

    fn read(&self, raw: &Raw) -> Option<Vec<PathBuf>> {
        let paths: Vec<&str> = match raw {
            Raw::Texts(paths) => paths.iter().map(String::as_str).collect(),
            Raw::Untyped(paths) => paths.split(',').map(str::trim).collect(),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) => return None,
            Raw::Flag(_) | Raw::Other | Raw::Section => return None,
        };
        let fits = (1..=MOST).contains(&paths.len()) && paths.iter().all(|path| is_path(path));
        fits.then(|| paths.into_iter().map(PathBuf::from).collect())
    }

    fn expected(&self, _: &Raw) -> String {
        "a list of 1 to 8 paths, each 1 to 4096 printable ASCII characters without a comma"
            .to_owned()
    }

    fn write(&self, value: &Vec<PathBuf>) -> String {
        let paths = value.iter().map(|path| quote(&path.to_string_lossy()));
        format!("[{}]", paths.collect::<Vec<_>>().join(", "))
    }
}

fn is_path(text: &str) -> bool {
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b',';
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> Raw {
        Raw::Texts(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn paths_are_listed_in_a_file_and_have_commas_between_elsewhere() {
        let both = vec![PathBuf::from("/a b"), PathBuf::from("c")];
        assert_eq!(Paths.read(&listed(&["/a b", "c"])), Some(both.clone()));
        let untyped = Raw::Untyped("/a b, c".to_owned());
        assert_eq!(Paths.read(&untyped), Some(both.clone()));
        assert_eq!(Paths.write(&both), r#"["/a b", "c"]"#);
    }

    #[test]
    fn no_path_too_many_and_strange_ones_are_refused() {
        for wrong in [&[][..], &[""], &["a,b"], &["a\n"], &["\u{e9}"], &["a"; 9]] {
            assert_eq!(Paths.read(&listed(wrong)), None, "{wrong:?}");
        }
        for wrong in ["", "a,", ",", "a,\n"] {
            assert_eq!(
                Paths.read(&Raw::Untyped(wrong.to_owned())),
                None,
                "{wrong:?}"
            );
        }
        assert_eq!(Paths.read(&Raw::Text("/a".to_owned())), None);
    }
}
