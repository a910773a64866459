//! Spans within a call: one for each admission wait and one for each attempt.
//!
//! For example, the span of a call that is throttled once has four children: `admission`
//! (`outcome = admitted`), `attempt` with `number = 1` and `error.type = throttled`,
//! `admission` again, and `attempt` with `number = 2` and `outcome = ok`. Of requests and
//! answers, the spans contain only AWS's error code and request id, whose length the AWS
//! adapter bounds.
//!
//! They are spans of the level debug, so they cost nothing unless traces are exported or
//! the log includes that level. Then they add an eighth to the instructions of a call.

use tracing::{Span, debug_span, field};

use super::metrics::{OutcomeLabel, RefusalLabel};
use crate::admission::{AdmissionRefused, Permit};
use crate::model::Operation;
use crate::upstream::UpstreamError;

/// Returns the span of a wait for a permit.
pub(super) fn admission() -> Span {
    debug_span!("admission", outcome = field::Empty)
}

/// Records the outcome of a wait. The outer error is the deadline.
pub(super) fn record_wait<E>(span: &Span, waited: &Result<Result<Permit, AdmissionRefused>, E>) {
    let outcome = match waited {
        Ok(Ok(_)) => "admitted",
        Ok(Err(refused)) => RefusalLabel(refused.reason).as_str(),
        Err(_) => "deadline",
    };
    span.record("outcome", outcome);
}

/// Returns the span of an attempt at `operation`. The AWS adapter records the request id.
pub(super) fn attempt(operation: Operation, number: u32) -> Span {
    debug_span!(
        "attempt",
        otel.kind = "client",
        rpc.system = "aws-api",
        rpc.service = "Rekognition",
        rpc.method = operation.aws(),
        number,
        outcome = field::Empty,
        error.type = field::Empty,
        aws.code = field::Empty,
        aws.request_id = field::Empty,
        otel.status_code = field::Empty
    )
}

/// Records the outcome of an attempt.
pub(super) fn record_attempt(span: &Span, outcome: OutcomeLabel, error: Option<&UpstreamError>) {
    span.record("outcome", outcome.as_str());
    if outcome != OutcomeLabel::Ok {
        span.record("error.type", outcome.as_str());
        span.record("otel.status_code", "ERROR");
    }
    if let Some(error) = error {
        span.record("aws.code", error.code.as_deref());
        span.record("aws.request_id", error.aws_request_id.as_deref());
    }
}
