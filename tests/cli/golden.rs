//! Runs commands and compares their output with a file in `tests/cli/golden`. Volatile parts
//! are replaced. `UPDATE_GOLDEN=1` writes the files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;

/// Patterns of volatile text, and their replacements. Numbers in quoted keys keep their key.
const VOLATILE: [(&str, &str); 15] = [
    // The columns of the sources depend on the lengths of paths.
    (r" +# ", "  # "),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "TIME"),
    (r"(127\.0\.0\.1|localhost):[0-9]{4,5}", "${1}:PORT"),
    (r"[A-Za-z0-9_-]{60}", "TOKEN"),
    (r"[0-9]+\.[0-9] s", "N.N s"),
    (r"[0-9]+\.[0-9]{2} s", "N.NN s"),
    (r"(time_to_live_seconds.:)[0-9.]+", "${1}N"),
    (r"(queue_wait_ms.:|retry_after_ms.:)[0-9]+", "${1}N"),
    (r"(uptime +|age )[0-9]+[dhms]( [0-9]+[dhms])*", "${1}T"),
    (r"quota tokens 0[0-9.]*", "quota tokens N"),
    (r"hash [0-9a-f]{12}", "hash HASH"),
    (r"(?m)^  [0-9]{2}:[0-9]{2}:[0-9]{2}  ", "  HH:MM:SS  "),
    (r"[0-9.]+ +N\.N s +N\.N s", "R  N.N s  N.N s"),
    (r"(cannot resolve the name [a-z.]+): [^\n]*", "${1}: CAUSE"),
];

/// The outputs of commands, one after the other.
#[derive(Default)]
pub(crate) struct Session {
    text: String,
    /// Paths that are replaced.
    folders: Vec<(PathBuf, &'static str)>,
    environment: Vec<(&'static str, String)>,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Shows `folder` as `name`.
    pub(crate) fn naming(mut self, folder: &Path, name: &'static str) -> Self {
        self.folders.push((folder.to_owned(), name));
        self
    }

    /// Sets a variable; the commands inherit none.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs `livegate` with these arguments, and returns its standard output.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> String {
        let output = livegate(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("the binary starts");
        let [stdout, stderr] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8(bytes).expect("the output is UTF-8"));
        let code = output.status.code().expect("it exits by itself");
        let command = arguments.join(" ");
        self.text.push_str(&format!(
            "$ livegate {command}\n{stdout}{stderr}[exit code {code}]\n\n"
        ));
        stdout
    }

    /// Compares the outputs with the file `name`.
    pub(crate) fn compare(self, name: &str) {
        let mut text = self.text;
        for (folder, name) in &self.folders {
            text = text.replace(&folder.display().to_string(), name);
        }
        for (pattern, replacement) in VOLATILE {
            let pattern = Regex::new(pattern).expect("a valid pattern");
            text = pattern.replace_all(&text, replacement).into_owned();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/cli/golden")
            .join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).expect("a file");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            text, expected,
            "{name}: UPDATE_GOLDEN=1 writes the new output"
        );
    }
}

/// Returns `livegate` with these arguments and without variables.
pub(crate) fn livegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livegate"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}
