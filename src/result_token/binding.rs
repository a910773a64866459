//! What a token binds together, and how that becomes bytes.
//!
//! Each part has its length before it, so no two bindings have the same bytes. An
//! example: the caller `ab` in the region `c` and the caller `a` in the region
//! `bc` differ in the first length: 2 and 1. No subject is a part of no bytes,
//! and a subject has at least one.

use crate::model::{CallerId, SessionId, Subject};

/// What every encoding begins with: nothing else that is signed does.
const LABEL: &[u8] = b"livegate result token, binding";

/// Who may read which result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// Who asked for the session.
    pub caller: &'a CallerId,
    /// For whom, where the caller said so.
    pub subject: Option<&'a Subject>,
    /// Where the session is.
    pub region: &'a str,
    /// The session.
    pub session: &'a SessionId,
}

impl Binding<'_> {
    /// The bytes of this binding in a token that begins with `head`.
    pub(super) fn encode(&self, head: &[u8]) -> Vec<u8> {
        let session = self.session.expose();
        let subject = self.subject.map(Subject::expose).unwrap_or_default();
        let parts = [
            LABEL,
            head,
            self.caller.as_str().as_bytes(),
            subject.as_bytes(),
            self.region.as_bytes(),
            session.as_bytes(),
        ];
        let mut bytes = Vec::with_capacity(256);
        for part in parts {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}
