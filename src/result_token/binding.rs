//! The values that a token binds, and their encoding.
//!
//! Each part is prefixed with its length, so two different bindings never have the same
//! bytes. For example, caller `ab` in region `c` and caller `a` in region `bc` differ in
//! the first length: 2 and 1. A missing subject is an empty part; a subject has at least
//! one byte.

use crate::model::{CallerId, SessionId, Subject, length_prefixed};

/// The prefix of every encoding, for domain separation: other signed data begins with
/// another prefix.
const LABEL: &[u8] = b"livegate result token, binding";

/// The values that a result token is issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The caller that created the session.
    pub caller: &'a CallerId,
    /// The end user of the session, if the caller named one.
    pub subject: Option<&'a Subject>,
    /// The session's region.
    pub region: &'a str,
    /// The session.
    pub session: &'a SessionId,
}

impl Binding<'_> {
    /// Returns the bytes to sign for a token that begins with `head`.
    pub(super) fn encode(&self, head: &[u8]) -> Vec<u8> {
        let session = self.session.expose();
        let subject = self.subject.map(Subject::expose).unwrap_or_default();
        length_prefixed([
            LABEL,
            head,
            self.caller.as_str().as_bytes(),
            subject.as_bytes(),
            self.region.as_bytes(),
            session.as_bytes(),
        ])
    }
}
