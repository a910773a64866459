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
