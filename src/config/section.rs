//! One section of the configuration.
//!
//! Each setting is one line where its component is assembled. For example,
//! `section.read("max_wait", seconds(10), &time(Duration::ZERO..=seconds(180)))` in the
//! section `quota.create` reads `quota.create.max_wait`. It returns 10 s if the setting is
//! unset, and records an error if the value is 181 s.

use super::key_path::KeyPath;
use super::kind::{Kind, flag};
use super::reader::Reader;

/// Reads the settings of one section.
pub(super) struct Section<'r> {
    reader: &'r mut Reader,
    key: KeyPath,
}

impl<'r> Section<'r> {
    pub(super) fn new(reader: &'r mut Reader, key: KeyPath) -> Self {
        Self { reader, key }
    }

    /// Opens the section with the dotted key `key`.
    pub(super) fn of(reader: &'r mut Reader, key: &str) -> Self {
        Self::new(reader, KeyPath::dotted(key))
    }

    /// Reads a setting with a default.
    pub(super) fn read<T>(&mut self, name: &str, default: T, kind: &Kind<'_, T>) -> T {
        self.reader.read(self.key.child(name), default, kind)
    }

    /// Reads a setting that may be unset.
    pub(super) fn optional<T>(&mut self, name: &str, kind: &Kind<'_, T>) -> Option<T> {
        self.reader.optional(self.key.child(name), kind)
    }

    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        self.read(name, default, &flag())
    }
}
