//! A file of the crate, without its tests: whoever tests may see more.

use std::path::{Path, PathBuf};

use super::lexer::{self, Token};
use super::paths::{self, Import};

/// No file is as long as this.
const TOO_LONG: usize = 300;

pub(crate) struct Source {
    /// From the root of the package: `src/grpc/edge.rs`.
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Source {
    /// All files below `src` that are not tests.
    pub(crate) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        collect(&root.join("src"), &mut files);
        files.sort();
        let read = |path: PathBuf| Self {
            file: path.strip_prefix(root).unwrap().display().to_string(),
            text: std::fs::read_to_string(&path).unwrap(),
        };
        let sources = files.into_iter().map(read);
        sources
            .filter(|source| !source.is_a_test_module())
            .collect()
    }

    fn is_a_test_module(&self) -> bool {
        self.file.ends_with("/tests.rs") || self.file.contains("/tests/")
    }

    /// Its module, as in `grpc::edge`.
    pub(crate) fn module(&self) -> String {
        let path = self.file.trim_start_matches("src/").trim_end_matches(".rs");
        path.replace('/', "::")
    }

    /// What it imports: of ours without `crate::`, of others as written.
    pub(crate) fn imports(&self) -> Vec<Import> {
        paths::imports(&self.tokens(), &self.module())
    }

    /// The rules of form that it breaks.
    pub(crate) fn malformed(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut note = |line: usize, rule: &str| {
            broken.push(format!("{}:{line}: {rule}", self.file));
        };
        if !self.text.starts_with("//!") {
            note(1, "a module opens with //!, what it is for");
        }
        if self.file.ends_with("/mod.rs") {
            note(1, "a module is foo.rs beside foo/, never mod.rs");
        }
        let lines = self.length();
        if lines >= TOO_LONG {
            note(lines, "a file has less than 300 lines, tests apart");
        }
        broken
    }

    /// Its lines, those of its test modules apart.
    fn length(&self) -> usize {
        let tested: usize = lexer::test_items(&lexer::tokens(&self.text))
            .iter()
            .map(|(from, to)| to - from + 1)
            .sum();
        self.text.lines().count() - tested
    }

    fn tokens(&self) -> Vec<Token> {
        let tokens = lexer::tokens(&self.text);
        let tested = lexer::test_items(&tokens);
        let is_tested = |line| {
            tested
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&line))
        };
        let kept = tokens.into_iter();
        kept.filter(|token| !is_tested(token.line)).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
