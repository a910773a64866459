//! Where lines end up: standard output, or a file that may be moved away.
//!
//! An example: something renames `audit.log` to `audit.log.1`. The next line is
//! written to a new `audit.log`, which nobody but the owner can read; one that is there
//! already keeps its owner and mode. Had it put a named pipe there, that line would be
//! lost, and nobody would wait for a reader.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Why lines cannot end up there.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Lines go to a file alone: all else can block, or keeps nothing.
    #[error("must be a regular file, not {0}")]
    NoFile(&'static str),
    /// The system says no.
    #[error("cannot be opened to append: {0}")]
    Closed(#[from] io::Error),
}

/// An end for lines.
pub(super) struct Sink {
    end: End,
    /// Whether a line may have been left half written.
    torn: bool,
}

enum End {
    StandardOutput,
    File { path: PathBuf, file: File },
}

impl Sink {
    pub(super) fn standard_output() -> Self {
        Self {
            end: End::StandardOutput,
            torn: false,
        }
    }

    pub(super) fn file(path: PathBuf) -> Result<Self, Unfit> {
        let file = open(&path)?;
        let end = End::File { path, file };
        Ok(Self { end, torn: false })
    }

    /// Writes a line whole, or says why not. What it left of one is a line by itself.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if let End::File { path, file } = &mut self.end
            && !is_at(file, path)
        {
            *file = open(path).map_err(io::Error::other)?;
            self.torn = false;
        }
        if self.torn {
            self.end.write(b"\n")?;
        }
        let written = self.end.write(line);
        self.torn = written.is_err();
        written
    }
}

impl End {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::StandardOutput => {
                let mut output = io::stdout().lock();
                output.write_all(line)?;
                output.flush()
            }
            Self::File { file, .. } => file.write_all(line),
        }
    }
}

/// Opens a regular file, and waits for nobody. What is there is looked at first, for
/// to open a device can do something; and again, for it may have been swapped.
fn open(path: &Path) -> Result<File, Unfit> {
    if let Ok(there) = std::fs::metadata(path) {
        fit(&there)?;
    }
    open_unseen(path)
}

fn open_unseen(path: &Path) -> Result<File, Unfit> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
    fit(&file.metadata()?)?;
    Ok(file)
}

fn fit(there: &Metadata) -> Result<(), Unfit> {
    let kind = there.file_type();
    let named = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(Unfit::NoFile(named))
}

/// Whether `file` is what `path` names now.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |of: Metadata| (of.dev(), of.ino());
    let named = std::fs::metadata(path).map(place);
    matches!((named, file.metadata().map(place)), (Ok(named), Ok(open)) if named == open)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn told(path: &Path) -> String {
        let refused = Sink::file(path.to_owned()).err();
        refused.map_or_else(String::new, |refused| refused.to_string())
    }

    #[test]
    fn whatever_is_no_regular_file_is_refused_and_named_and_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(at("pipe")).status();
        assert!(made.unwrap().success());
        let _listening = UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("pipe", at("link")).unwrap();
        for (path, kind) in [
            (at("pipe"), "a named pipe"),
            (at("link"), "a named pipe"),
            (at("socket"), "a socket"),
            (at(""), "a directory"),
            (PathBuf::from("/dev/null"), "a device"),
        ] {
            let expected = format!("must be a regular file, not {kind}");
            assert_eq!(told(&path), expected, "{}", path.display());
        }
        let swapped = open_unseen(&at("pipe")).expect_err("nobody reads it");
        let there = File::options().read(true).write(true).open(at("pipe"));
        assert!(matches!(swapped, Unfit::Closed(_)), "{swapped}");
        let read = open_unseen(&at("pipe")).expect_err("it is no file");
        assert!(matches!(read, Unfit::NoFile("a named pipe")), "{read}");
        drop(there);
        assert!(told(&at("no/such/folder")).starts_with("cannot be opened to append: "));
        assert_eq!(told(&at("audit.log")), "");
        std::os::unix::fs::symlink("audit.log", at("to-a-file")).unwrap();
        assert_eq!(told(&at("to-a-file")), "");
    }

    #[test]
    fn a_disk_that_is_full_loses_the_line_and_what_was_left_of_it_is_one_by_itself() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let end = End::File { path, file };
        let mut sink = Sink { end, torn: false };
        let failure = sink.write(b"{}\n").unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::StorageFull);
        assert!(sink.torn);
        let file = tempfile::NamedTempFile::new().unwrap();
        sink.end = Sink::file(file.path().to_owned()).unwrap().end;
        sink.write(b"{}\n").unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"\n{}\n");
        assert!(!sink.torn);
    }
}
