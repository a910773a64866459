//! Detects changes: of the content of files, and of conditions that are worth a log line.
//!
//! For example, a certificate is replaced: the [`ContentWatch`] of its files returns the
//! new content once. A collector of traces is down for an hour and fails 3600 exports: its
//! [`Condition`] begins once and ends once.

mod condition;
mod content_watch;

pub use self::condition::{Condition, QUIET};
pub use self::content_watch::ContentWatch;
