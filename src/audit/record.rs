//! One line: what it says, and in which form.
//!
//! An example: what is not known is not there. A result that was refused has no
//! `aws_request_id`, for AWS was not asked.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A session was made at AWS.
    SessionIssued,
    /// A session that had been issued was told again.
    SessionReplayed,
    /// What came of a session was read.
    SessionRead,
    /// The rules of this service refused the call.
    Refused,
}

/// What a line says of one call.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// What happened.
    pub event: AuditEvent,
    /// Which method was called.
    pub operation: &'static str,
    /// The name under which logs and errors know the call.
    pub call_id: String,
    /// Who called.
    pub caller: String,
    /// What says so.
    pub auth_method: &'static str,
    /// The end user, as a keyed digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_digest: Option<String>,
    /// The session, as a keyed digest: of a refusal, the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_digest: Option<String>,
    /// The profile that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The id under which AWS knows its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_request_id: Option<String>,
    /// The gRPC code, by name; none where the caller was gone before it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The reason of a failure, as the caller was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// How long the call took.
    #[serde(rename = "latency_ms", serialize_with = "as_millis")]
    pub latency: Duration,
    /// How many attempts at AWS it took.
    pub attempts: u32,
}

/// A line begins with its time.
#[derive(Serialize)]
struct Line {
    time: String,
    #[serde(flatten)]
    record: AuditRecord,
}

impl AuditRecord {
    pub(super) fn into_line(self) -> Vec<u8> {
        let time = OffsetDateTime::from(wall_clock()).format(&Rfc3339);
        let line = Line {
            time: time.unwrap_or_default(),
            record: self,
        };
        let mut line = serde_json::to_vec(&line).expect("texts and numbers are JSON");
        line.push(b'\n');
        line
    }
}

fn as_millis<S: serde::Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

#[expect(
    clippy::disallowed_methods,
    reason = "it leaves the process as a timestamp"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
