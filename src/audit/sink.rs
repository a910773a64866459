//! The output of audit lines: standard output, or a file that may be rotated.
//!
//! For example, a log rotation renames `audit.log` to `audit.log.1`. The next line goes
//! to a new `audit.log` with mode 0600; an existing file keeps its owner and mode. If
//! the path is now a named pipe, the line is lost, and the writer does not block.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Why lines cannot be written to a path.
#[derive(Debug, thiserror::Error)]
pub enum AuditFileError {
    /// The path is not a regular file, so that a write might block or be discarded.
    #[error("must be a regular file, not {0}")]
    NotRegular(&'static str),
    /// The file cannot be opened.
    #[error("cannot be opened for append: {0}")]
    Open(#[from] io::Error),
}

/// Writes lines to their destination.
pub(super) struct AuditSink {
    destination: Destination,
    /// Whether the last line may be incomplete.
    is_torn: bool,
}

enum Destination {
    StandardOutput,
    File { path: PathBuf, file: File },
}

impl AuditSink {
    pub(super) fn standard_output() -> Self {
        Self {
            destination: Destination::StandardOutput,
            is_torn: false,
        }
    }

    pub(super) fn file(path: PathBuf) -> Result<Self, AuditFileError> {
        let file = open(&path)?;
        Ok(Self {
            destination: Destination::File { path, file },
            is_torn: false,
        })
    }

    /// Writes lines. If the line before them was torn, ends it with a line break first, so
    /// that they stay intact. Reopens the file if it was rotated.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Destination::File { path, file } = &mut self.destination
            && !is_at(file, path)
        {
            *file = open(path).map_err(io::Error::other)?;
            self.is_torn = false;
        }
        if self.is_torn {
            self.destination.write(b"\n")?;
        }
        let written = self.destination.write(lines);
        self.is_torn = written.is_err();
        written
    }
}

impl Destination {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::StandardOutput => {
                let mut output = io::stdout().lock();
                output.write_all(lines)?;
                output.flush()
            }
            Self::File { file, .. } => file.write_all(lines),
        }
    }
}

/// Opens a regular file without blocking. The type is checked before opening, because
/// opening a device can have side effects, and again after, because the path may have
/// been replaced meanwhile.
fn open(path: &Path) -> Result<File, AuditFileError> {
    if let Ok(metadata) = std::fs::metadata(path) {
        check_regular(&metadata)?;
    }
    open_unchecked(path)
}

fn open_unchecked(path: &Path) -> Result<File, AuditFileError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata) -> Result<(), AuditFileError> {
    let kind = metadata.file_type();
    let name = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(AuditFileError::NotRegular(name))
}

/// Whether `path` still refers to the open `file`.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let at_path = std::fs::metadata(path).map(inode);
    matches!((at_path, file.metadata().map(inode)), (Ok(at_path), Ok(open)) if at_path == open)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    /// The error for `path`; empty if it can be opened.
    fn error(path: &Path) -> String {
        let error = AuditSink::file(path.to_owned()).err();
        error.map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn a_path_that_is_no_regular_file_is_refused_by_kind_without_blocking() {
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
            assert_eq!(error(&path), expected, "{}", path.display());
        }
        let without_reader = open_unchecked(&at("pipe")).expect_err("the pipe has no reader");
        let reader = File::options().read(true).write(true).open(at("pipe"));
        assert!(
            matches!(without_reader, AuditFileError::Open(_)),
            "{without_reader}"
        );
        let with_reader = open_unchecked(&at("pipe")).expect_err("a pipe is not a regular file");
        assert!(
            matches!(with_reader, AuditFileError::NotRegular("a named pipe")),
            "{with_reader}"
        );
        drop(reader);
        assert!(error(&at("no/such/folder")).starts_with("cannot be opened for append: "));
        assert_eq!(error(&at("audit.log")), "");
        std::os::unix::fs::symlink("audit.log", at("to-a-file")).unwrap();
        assert_eq!(error(&at("to-a-file")), "");
    }

    #[test]
    fn a_full_disk_loses_the_line_and_the_next_one_begins_on_a_new_line() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let mut sink = AuditSink {
            destination: Destination::File { path, file },
            is_torn: false,
        };
        let error = sink.write(b"{}\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(sink.is_torn);
        let file = tempfile::NamedTempFile::new().unwrap();
        sink.destination = AuditSink::file(file.path().to_owned()).unwrap().destination;
        sink.write(b"{}\n").unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"\n{}\n");
        assert!(!sink.is_torn);
    }
}
