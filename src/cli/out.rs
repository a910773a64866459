//! Output of the commands, to streams that may be closed.
//!
//! The macros of the standard library panic if their stream is closed. Here, a command
//! whose standard output is closed ends with success. For example, `livegate demo |
//! head -1` ends at its second line, with exit code 0.

use std::fmt;
use std::io::{ErrorKind, Write as _, stderr, stdout};

use anyhow::Context as _;
use serde_json::Value;

/// The reader of standard output has closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("standard output is closed")]
pub(super) struct StdoutClosed;

/// Prints a line on standard output.
///
/// # Errors
/// [`StdoutClosed`], or another failure to write to standard output.
pub(super) fn print_out(line: fmt::Arguments<'_>) -> anyhow::Result<()> {
    match writeln!(stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints a line on standard error. A failure to write is ignored: there is no other
/// stream to report it on.
pub fn print_err(line: fmt::Arguments<'_>) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// Like [`print_out`].
pub(super) fn print_json(value: &Value) -> anyhow::Result<()> {
    let mut line = String::new();
    // Only strings have these characters, and JSON permits their escapes there.
    for character in value.to_string().chars() {
        match acts_on_terminal(character) {
            true => line.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => line.push(character),
        }
    }
    print_out(format_args!("{line}"))
}

/// Returns the text of a server without the characters that a terminal acts on, so that it
/// can neither erase other lines nor look like one.
pub(super) fn printable(text: &str) -> String {
    let printed = text.chars().filter(|one| !acts_on_terminal(*one));
    printed.collect()
}

/// Whether a terminal acts on the character: control characters, line separators, and those
/// that change the direction of text ([UAX 9](https://www.unicode.org/reports/tr9/)).
fn acts_on_terminal(character: char) -> bool {
    let directions = ['\u{61c}', '\u{200e}', '\u{200f}'];
    character.is_control()
        || directions.contains(&character)
        || ('\u{2028}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

/// Formats an error with its causes, without those whose text the message already has.
#[must_use]
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Formats a number with its noun, as in `1 error` and `2 errors`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The name of this program as it was started, for hints to run it again.
#[cfg(feature = "simulator")]
pub(super) fn program() -> String {
    let name = std::env::args().next();
    name.unwrap_or_else(|| "livegate".to_owned())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_text_of_a_server_cannot_act_on_the_terminal() {
        let hostile = "a\u{1b}[2J\r\nb\u{7f}\u{9b}0m\u{2028}\u{202e}\u{2066}c\u{200f} é";
        assert_eq!(printable(hostile), "a[2Jb0mc é");
    }

    #[test]
    fn a_cause_that_the_message_already_has_is_not_repeated() {
        let cause = || anyhow!("Address already in use");
        let nested = cause().context("cannot listen: Address already in use");
        assert_eq!(
            with_causes(&nested),
            "cannot listen: Address already in use"
        );
        let plain = cause().context("cannot listen");
        assert_eq!(with_causes(&plain), "cannot listen: Address already in use");
    }
}
