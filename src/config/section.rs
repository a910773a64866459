//! One section of the configuration, with a getter for each kind of setting.
//!
//! Each setting is one line where its component is assembled. For example,
//! `section.time("max_wait", seconds(10), Duration::ZERO..=seconds(180))` in the section
//! `quota.create` reads `quota.create.max_wait`. It returns 10 s if the setting is unset,
//! and records an error if the value is 181 s.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::{Bound, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use super::address::ListenAddress;
use super::key_path::KeyPath;
use super::kind::{Choice, Count, Flag, Kind, Number, SmallInteger, Time, ValidatedString};
use super::paths::PATHS;
use super::reader::Reader;
use super::secret::Secret;
use crate::store::Password;

/// Reads the settings of one section.
pub(super) struct Section<'r> {
    reader: &'r mut Reader,
    key: KeyPath,
}

impl<'r> Section<'r> {
    pub(super) fn new(reader: &'r mut Reader, key: KeyPath) -> Self {
        Self { reader, key }
    }

    pub(super) fn time(
        &mut self,
        name: &str,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        self.read(name, &Time(bounds), default)
    }

    /// Reads a number; `low` is inclusive or exclusive, `high` inclusive.
    pub(super) fn number(&mut self, name: &str, default: f64, low: Bound<f64>, high: f64) -> f64 {
        self.read(name, &Number { low, high }, default)
    }

    /// Reads an optional number from `low` to `high`.
    pub(super) fn optional_number(&mut self, name: &str, low: f64, high: f64) -> Option<f64> {
        let low = Bound::Included(low);
        let kind = Number { low, high };
        self.reader.optional(self.key.child(name), &kind)
    }

    /// Reads a whole number from 1 to `high`.
    pub(super) fn count(&mut self, name: &str, default: NonZeroU32, high: u32) -> NonZeroU32 {
        self.read(name, &Count { high }, default)
    }

    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        self.read(name, &Flag, default)
    }

    pub(super) fn address(&mut self, name: &str, default: SocketAddr) -> SocketAddr {
        self.read(name, &ListenAddress, default)
    }

    pub(super) fn choice<T: Clone + PartialEq>(
        &mut self,
        name: &str,
        default: T,
        choices: &[(&str, T)],
    ) -> T {
        self.read(name, &Choice(choices), default)
    }

    pub(super) fn text(&mut self, name: &str, default: &str, kind: &ValidatedString) -> String {
        self.read(name, kind, default.to_owned())
    }

    /// Reads an optional string.
    pub(super) fn optional_text(&mut self, name: &str, kind: &ValidatedString) -> Option<String> {
        self.reader.optional(self.key.child(name), kind)
    }

    /// Reads an optional secret.
    pub(super) fn optional_secret(&mut self, name: &str) -> Option<Password> {
        self.reader.optional(self.key.child(name), &Secret)
    }

    /// Reads a list of paths, which is empty if it is unset.
    pub(super) fn optional_paths(&mut self, name: &str) -> Vec<PathBuf> {
        self.optional(name, &PATHS).unwrap_or_default()
    }

    /// Reads an optional value of `kind`.
    pub(super) fn optional<K: Kind>(&mut self, name: &str, kind: &K) -> Option<K::Value> {
        self.reader.optional(self.key.child(name), kind)
    }

    pub(super) fn small_integer(
        &mut self,
        name: &str,
        default: u8,
        bounds: RangeInclusive<u8>,
    ) -> u8 {
        self.read(name, &SmallInteger(bounds), default)
    }

    /// Reads a value of `kind`.
    pub(super) fn read<K: Kind>(&mut self, name: &str, kind: &K, default: K::Value) -> K::Value {
        self.reader.read(self.key.child(name), kind, default)
    }
}
