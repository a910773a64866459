//! The audit record and its JSON format.
//!
//! Unknown fields are left out. For example, a refused read of a result has no
//! `aws_request_id`, because AWS was not called.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::model::wall_clock;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A session was created at AWS.
    SessionIssued,
    /// A session that was issued before was returned again.
    SessionReplayed,
    /// The result of a session was read.
    SessionRead,
    /// This service refused access to the method, a field or a result.
    Refused,
}

/// The record of one call, or of one state of a watch.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// What happened.
    pub event: AuditEvent,
    /// The method.
    pub operation: &'static str,
    /// The call id, as in logs and errors.
    pub call_id: String,
    /// The caller.
    pub caller: String,
    /// How the caller was authenticated.
    pub auth_method: &'static str,
    /// The name in the client certificate, if the token names the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The address of the peer, which may be a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The end user, as a keyed digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_digest: Option<String>,
    /// The session, as a keyed digest; for a refused call, the requested one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_digest: Option<String>,
    /// The requested profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What the caller read of the session.
    #[serde(flatten)]
    pub read: Option<AuditedRead>,
    /// AWS's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_request_id: Option<String>,
    /// The name of the gRPC code; none if the call ended before its response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The error reason that the caller received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The duration of the call, up to this state of a watch.
    #[serde(rename = "latency_ms", serialize_with = "as_millis")]
    pub latency: Duration,
    /// The number of attempts at AWS.
    pub attempts: u32,
}

/// What a caller read of a session: no image, and no confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AuditedRead {
    /// The status of the session.
    pub status: &'static str,
    /// The verdict, if there is a minimum confidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// The images of which the caller received the bytes.
    pub images: usize,
    /// The images in S3 of which the caller received the place.
    pub stored_images: usize,
}

/// Refused calls without a record of their own.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename = "refusals_omitted")]
pub(super) struct RefusalsOmitted {
    pub(super) caller: String,
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

/// A record with its timestamp, which comes first.
#[derive(Serialize)]
struct TimedRecord<R> {
    time: String,
    #[serde(flatten)]
    record: R,
}

/// Formats an [`AuditRecord`] or [`RefusalsOmitted`] as one line.
pub(super) fn line(record: impl Serialize) -> Vec<u8> {
    let time = OffsetDateTime::from(wall_clock()).format(&Rfc3339);
    let line = TimedRecord {
        time: time.unwrap_or_default(),
        record,
    };
    let mut line = serde_json::to_vec(&line).expect("strings and numbers serialize to JSON");
    line.push(b'\n');
    line
}

fn as_millis<S: serde::Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
