//! The spans within a call: one for each wait for a slot, one for each attempt.
//!
//! An example: a call is throttled once. Its span has four children: `admission`
//! (`outcome = admitted`), `attempt` with `number = 1` and `error.type = throttled`,
//! `admission` again, and `attempt` with `number = 2` and `outcome = ok`. None holds
//! anything of what was asked or answered but AWS's code and request id, which the
//! port of AWS keeps short.

use tracing::{Span, field, info_span};

use crate::admission::{AdmissionRefused, Permit, RefusalReason};
use crate::upstream::UpstreamError;

/// A wait for a slot.
pub(super) fn admission() -> Span {
    info_span!("admission", outcome = field::Empty)
}

/// Says what came of a wait.
pub(super) fn waited<E>(span: &Span, waited: &Result<Result<Permit, AdmissionRefused>, E>) {
    span.record("outcome", word(waited));
}

/// The attempt with this number at AWS's `method`. Whoever knows AWS's request id
/// records it here.
pub(super) fn attempt(method: &'static str, number: u32) -> Span {
    info_span!(
        "attempt",
        otel.kind = "client",
        rpc.system = "aws-api",
        rpc.service = "Rekognition",
        rpc.method = method,
        number,
        outcome = field::Empty,
        error.type = field::Empty,
        aws.code = field::Empty,
        aws.request_id = field::Empty,
        otel.status_code = field::Empty
    )
}

/// Says what came of an attempt, `ok` or what kind of failure.
pub(super) fn attempted(span: &Span, outcome: &'static str, error: Option<&UpstreamError>) {
    span.record("outcome", outcome);
    if outcome != "ok" {
        span.record("error.type", outcome);
        span.record("otel.status_code", "ERROR");
    }
    if let Some(error) = error {
        span.record("aws.code", error.code.as_deref());
        span.record("aws.request_id", error.aws_request_id.as_deref());
    }
}

/// What came of it, in a word.
fn word<E>(waited: &Result<Result<Permit, AdmissionRefused>, E>) -> &'static str {
    match waited {
        Ok(Ok(_)) => "admitted",
        Ok(Err(refused)) => match refused.reason {
            RefusalReason::Quota => "quota",
            RefusalReason::CallerQuota => "caller_quota",
            RefusalReason::DeadlineTooShort => "deadline_too_short",
            RefusalReason::Closed => "closed",
        },
        Err(_) => "deadline",
    }
}
