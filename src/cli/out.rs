//! What a command says, to somebody who may have left.
//!
//! The macros of the standard library panic where their stream is closed. Here, a
//! command whose standard output nobody reads any more ends, and says nothing of
//! it. An example: `livegate demo | head -1` ends at the second line, with 0.

use std::fmt;
use std::io::{ErrorKind, Write as _, stderr, stdout};

use anyhow::Context as _;

/// Nobody reads standard output any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads standard output any more")]
pub(super) struct ReaderLeft;

/// Says a line on standard output.
///
/// # Errors
/// [`ReaderLeft`], or where standard output cannot be written.
pub(super) fn say(line: fmt::Arguments<'_>) -> anyhow::Result<()> {
    match writeln!(stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderLeft.into()),
        said => said.context("cannot write to standard output"),
    }
}

/// Says a line on standard error. Where that fails, there is nowhere to say so.
pub fn complain(line: fmt::Arguments<'_>) {
    let _ = writeln!(stderr().lock(), "{line}");
}
