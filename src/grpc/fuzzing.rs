//! What the fuzz targets reach of this room, with what must hold of any outcome.
//! It is compiled with the feature `fuzzing` alone.
//!
//! An example: the bytes `1a 02 10 09` are a `CreateSessionRequest` that asks for 9
//! audit images. That is one violation, and the status that tells it must fit into
//! the 8 KiB of headers that clients read.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::time::Instant;
use tonic_types::FieldViolation;

use super::call::{Call, Patience};
use super::status::Explained;
use super::{deadline, v1, validation};
use crate::auth::AuthMethod;
use crate::model::CallerId;
use crate::model::Deadline;
use crate::session::{Progress, SessionError, TokenRequirement};
use crate::upstream::UpstreamError;

/// What clients read of headers: name and value, and 32 bytes more for each.
/// Source: gRPC over HTTP/2 leaves it to them; grpc-java and gRPC's C core take 8 KiB.
const MOST_HEADER_BYTES: usize = 8 * 1024;

/// What the edge adds to a status: `livegate-call-id` and its like.
const EDGE_HEADER_BYTES: usize = 256;

/// Decodes and validates a `CreateSessionRequest`.
pub fn create(bytes: &[u8]) {
    let Ok(request) = v1::CreateSessionRequest::decode(bytes) else {
        return;
    };
    if let Err(violations) = validation::create(&request, &call(), Progress::default()) {
        refused(violations);
    }
}

/// Decodes and validates a `GetSessionResultRequest`.
pub fn result(bytes: &[u8]) {
    let Ok(request) = v1::GetSessionResultRequest::decode(bytes) else {
        return;
    };
    for proof in [TokenRequirement::Required, TokenRequirement::Optional] {
        if let Err(violations) = validation::result(&request, proof, &call(), Progress::default()) {
            refused(violations);
        }
    }
}

/// Reads a `grpc-timeout`, and makes a deadline of it.
pub fn timeout(value: &[u8]) {
    let Some(timeout) = deadline::parse(value) else {
        return;
    };
    let usable = deadline::usable(timeout);
    assert!(usable <= timeout, "ours is the earlier one");
    assert!(deadline::backstop(usable) <= timeout.max(Duration::from_millis(1)));
    let now = Instant::now();
    assert!(Deadline::after(now, usable).left(now) <= usable);
}

/// Says to a caller what AWS said.
pub fn explain(error: UpstreamError) {
    let error = SessionError::Upstream(error);
    fits(Explained::of(&error, &call()));
}

fn refused(violations: Vec<FieldViolation>) {
    assert!(!violations.is_empty(), "refused for no reason");
    for FieldViolation {
        field, description, ..
    } in &violations
    {
        let plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        assert!(plain(field), "{field:?}");
        assert!(plain(description), "{description:?}");
    }
    fits(Explained::invalid(violations));
}

/// The status reaches the caller whole.
fn fits(explained: Explained) {
    let call = call();
    let status = explained.into_status(&call.id, Some(&call), Instant::now());
    let response = status.into_http::<()>();
    let headers = response.headers();
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32);
    let size: usize = sizes.sum();
    assert!(
        size + EDGE_HEADER_BYTES <= MOST_HEADER_BYTES,
        "{size} bytes of headers"
    );
}

/// A call with the longest name that a caller can have.
fn call() -> Call {
    Call {
        id: Arc::from("01890a5d-ac96-774b-bcce-b302099a8057"),
        caller: CallerId::new(&"c".repeat(128)).expect("128 characters are a name"),
        auth_method: AuthMethod::Token,
        deadline: Deadline::after(Instant::now(), Duration::from_secs(10)),
        patience: Patience::Bounded,
    }
}
