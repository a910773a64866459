//! The source files of the crate, without tests: tests may import anything.

use std::path::{Path, PathBuf};

use super::paths::{self, Import};
use super::tokens::{self, Token};

/// The number of lines that no file may reach, test modules excluded.
const TOO_LONG: usize = 300;

pub(crate) struct Source {
    /// The path from the package's root, such as `src/grpc/status.rs`.
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Source {
    /// Reads all files below `src`, except test modules.
    pub(crate) fn all() -> Vec<Self> {
        Self::below("src")
    }

    /// Reads the same files of the packages in `crates`.
    pub(crate) fn of_other_packages() -> Vec<Self> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
        let packages = std::fs::read_dir(crates).unwrap();
        let names = packages.map(|package| package.unwrap().file_name().into_string().unwrap());
        names
            .flat_map(|name| Self::below(&format!("crates/{name}/src")))
            .collect()
    }

    fn below(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files);
        files.sort();
        let read = |path: PathBuf| Self {
            file: path.strip_prefix(root).unwrap().display().to_string(),
            text: std::fs::read_to_string(&path).unwrap(),
        };
        let sources = files.into_iter().map(read);
        sources.filter(|source| !source.is_test_module()).collect()
    }

    fn is_test_module(&self) -> bool {
        self.file.ends_with("/tests.rs") || self.file.contains("/tests/")
    }

    /// Returns the module path, such as `grpc::status`.
    pub(crate) fn module(&self) -> String {
        let path = self.file.trim_start_matches("src/").trim_end_matches(".rs");
        path.replace('/', "::")
    }

    /// Returns the module of the top level that this file belongs to.
    pub(crate) fn room(&self) -> String {
        self.module().split("::").next().unwrap().to_owned()
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        tokens::tokens(&self.text)
    }

    pub(crate) fn imports(&self) -> Vec<Import> {
        paths::imports(&self.tokens(), &self.module())
    }

    /// Returns the layout rules that this file breaks.
    pub(crate) fn layout_violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let mut add = |line: usize, rule: &str| {
            violations.push(format!("{}:{line}: {rule}", self.file));
        };
        if !self.text.starts_with("//!") {
            add(1, "a module starts with a //! comment");
        }
        if self.file.ends_with("/mod.rs") {
            add(1, "a module is foo.rs beside foo/, never mod.rs");
        }
        let lines = self.lines_without_tests();
        if lines >= TOO_LONG {
            add(lines, "a file has fewer than 300 lines, tests excluded");
        }
        violations
    }

    /// Counts the lines up to the first test item; test modules stand at the end of a file.
    fn lines_without_tests(&self) -> usize {
        let mut lines = self.text.lines();
        lines
            .by_ref()
            .take_while(|line| *line != "#[cfg(test)]")
            .count()
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
