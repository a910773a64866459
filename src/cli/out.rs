//! Output of the commands, to streams that may be closed.
//!
//! The macros of the standard library panic if their stream is closed. Here, a command
//! whose standard output is closed ends with success. For example, `livegate demo |
//! head -1` ends at its second line, with exit code 0.

use std::fmt;
use std::io::{ErrorKind, Write as _, stderr, stdout};

use anyhow::Context as _;

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
