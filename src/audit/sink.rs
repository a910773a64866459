//! Where lines end up: standard output, or a file that may be moved away.
//!
//! An example: something renames `audit.log` to `audit.log.1`. The next line is
//! written to a new `audit.log`, which nobody but the owner can read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// An end for lines.
pub(super) enum Sink {
    StandardOutput,
    File { path: PathBuf, file: File },
}

impl Sink {
    pub(super) fn standard_output() -> Self {
        Self::StandardOutput
    }

    pub(super) fn file(path: PathBuf) -> io::Result<Self> {
        let file = open(&path)?;
        Ok(Self::File { path, file })
    }

    /// Writes a line whole, or says why not.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::StandardOutput => {
                let mut output = io::stdout().lock();
                output.write_all(line)?;
                output.flush()
            }
            Self::File { path, file } => {
                if !is_at(file, path) {
                    *file = open(path)?;
                }
                file.write_all(line)
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

/// Whether `file` is what `path` names now.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |of: std::fs::Metadata| (of.dev(), of.ino());
    let named = std::fs::metadata(path).map(place);
    matches!((named, file.metadata().map(place)), (Ok(named), Ok(open)) if named == open)
}
