//! A list of a few values of one kind.
//!
//! An example: `["10.0.0.0/8", "fd00::1"]` in a file, and in a variable or a `--set`
//! the same with a comma between: `10.0.0.0/8,fd00::1`.

use super::key::quote;
use super::kind::Kind;
use super::layers::Raw;

/// At least one value, and a bound.
pub(super) struct Several<'k, T> {
    pub(super) most: usize,
    pub(super) read: fn(&str) -> Option<T>,
    pub(super) write: fn(&T) -> String,
    /// What each one must be: the end of `a list of 1 to 64 ...`.
    pub(super) expected: &'k str,
}

impl<T> Kind for Several<'_, T> {
    type Value = Vec<T>;

    fn read(&self, raw: &Raw) -> Option<Vec<T>> {
        let texts: Vec<&str> = match raw {
            Raw::Texts(texts) => texts.iter().map(String::as_str).collect(),
            // The reader puts a default to the test as it is written.
            Raw::Untyped(texts) => texts
                .trim_matches(['[', ']'])
                .split(',')
                .map(|text| text.trim().trim_matches('"'))
                .collect(),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) => return None,
            Raw::Flag(_) | Raw::Other | Raw::Section => return None,
        };
        if !(1..=self.most).contains(&texts.len()) {
            return None;
        }
        texts.into_iter().map(self.read).collect()
    }

    fn expected(&self, _: &Raw) -> String {
        format!("a list of 1 to {} {}", self.most, self.expected)
    }

    fn write(&self, value: &Vec<T>) -> String {
        let texts = value.iter().map(|one| quote(&(self.write)(one)));
        format!("[{}]", texts.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: Several<'_, u8> = Several {
        most: 2,
        read: |text| text.parse().ok(),
        write: ToString::to_string,
        expected: "bytes",
    };

    #[test]
    fn a_list_is_read_from_a_file_and_with_commas_from_elsewhere() {
        let untyped = |text: &str| DIGITS.read(&Raw::Untyped(text.to_owned()));
        let listed = |texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned());
            DIGITS.read(&Raw::Texts(texts.collect()))
        };
        assert_eq!(listed(&["1", "2"]), Some(vec![1, 2]));
        assert_eq!(untyped("1, 2"), Some(vec![1, 2]));
        assert_eq!(untyped(&DIGITS.write(&vec![1, 2])), Some(vec![1, 2]));
        for wrong in [&[][..], &["1", "2", "3"], &["256"], &[""]] {
            assert_eq!(listed(wrong), None, "{wrong:?}");
        }
        for wrong in ["", "1,", ",", "1,2,3"] {
            assert_eq!(untyped(wrong), None, "{wrong:?}");
        }
        assert_eq!(DIGITS.expected(&Raw::Section), "a list of 1 to 2 bytes");
    }
}
