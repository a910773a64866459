//! The configuration file: TOML, each entry with the line of its key.
//!
//! It must be a regular file of bounded size: reading a named pipe or a device could take
//! forever.
//!
//! A malformed file gives one error for each place that cannot be parsed, with line and
//! column, and no entries: the parser's partial result would only cause further,
//! misleading errors.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::{LayerEntry, Layers, RawValue};
use crate::config::error::{ConfigError, Source};
use crate::config::key_path::KeyPath;

/// The largest file in bytes: 4 MiB. With 1000 callers, a file has about 0.3 MiB.
const MAX_BYTES: u64 = 4 << 20;

/// Returns the content of the file at `path`, or the problem.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let mut options = OpenOptions::new();
    // With O_NONBLOCK, opening a named pipe does not wait for a writer.
    let file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err("must be a regular file".to_owned());
    }
    let mut content = Vec::new();
    let mut start = file.take(MAX_BYTES + 1);
    start.read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(format!("must be at most {MAX_BYTES} bytes long"));
    }
    Ok(content)
}

/// Reads the file at `path` into `layers`.
pub(super) fn read(path: &Path, layers: &mut Layers) {
    let problem = match content(path).map(String::from_utf8) {
        Ok(Ok(text)) => return read_text(path, &text, layers),
        Ok(Err(error)) => {
            let valid = error.utf8_error().valid_up_to();
            format!("must be UTF-8; the first invalid byte is at offset {valid}")
        }
        Err(problem) => problem,
    };
    let source = Source::File {
        path: Arc::from(path),
        line: None,
    };
    layers.incomplete = true;
    layers.errors.push(ConfigError::new(&source, None, problem));
}

/// Reads `text`, the content of the file at `path`, into `layers`.
pub(super) fn read_text(path: &Path, text: &str, layers: &mut Layers) {
    let document = TomlDocument {
        path: Arc::from(path),
        text,
        lines: line_starts(text),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        document.add_entries(&KeyPath::new(Vec::new()), table.get_ref(), layers);
        return;
    }
    layers.incomplete = true;
    for error in errors {
        let (line, column) = document.position(error.span().unwrap_or_default());
        let problem = format!("column {column}: invalid TOML: {}", error.message());
        let error = ConfigError::new(&document.source(line), None, problem);
        layers.errors.push(error);
    }
}

struct TomlDocument<'t> {
    path: Arc<Path>,
    text: &'t str,
    /// The offset of the first byte of each line.
    lines: Vec<usize>,
}

impl TomlDocument<'_> {
    fn add_entries(&self, section: &KeyPath, table: &DeTable<'_>, layers: &mut Layers) {
        for (name, value) in table {
            let key = section.child(name.get_ref());
            let (line, _) = self.position(name.span());
            layers.push(LayerEntry {
                key: key.clone(),
                raw: RawValue::from(value),
                source: self.source(line),
                written: self.text.get(value.span()).unwrap_or_default().to_owned(),
            });
            if let DeValue::Table(inner) = value.get_ref() {
                self.add_entries(&key, inner, layers);
            }
        }
    }

    fn source(&self, line: usize) -> Source {
        Source::File {
            path: Arc::clone(&self.path),
            line: Some(line),
        }
    }

    /// Returns the line and column, both from 1, of the start of `span`.
    fn position(&self, span: Range<usize>) -> (usize, usize) {
        let line = self
            .lines
            .partition_point(|start| *start <= span.start)
            .max(1);
        let before = self
            .text
            .get(self.lines[line - 1]..span.start)
            .unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after_breaks).collect()
}

impl From<&Spanned<DeValue<'_>>> for RawValue {
    fn from(value: &Spanned<DeValue<'_>>) -> Self {
        if value.get_ref().is_table() {
            return Self::Table;
        }
        let value = Value::deserialize(ValueDeserializer::from(value.clone()));
        value.map_or(Self::Unsupported, Self::Toml)
    }
}
