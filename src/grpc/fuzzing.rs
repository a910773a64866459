//! The entry points of the fuzz targets, with the properties of every outcome. The
//! module needs the feature `fuzzing`.
//!
//! For example, the bytes `1a 02 10 09` are a `CreateSessionRequest` for 9 audit images.
//! It has one violation, and its status must fit into the 8 KiB of headers that clients
//! read.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::time::Instant;
use tonic_types::FieldViolation;

use super::call::{Call, DeadlineSource};
use super::rpc_error::RpcError;
use super::{deadline, v1, validation};
use crate::auth::AuthMethod;
use crate::auth::policy::{Authorizer, DefaultPermission, Policy};
use crate::model::CallerId;
use crate::model::Deadline;
use crate::model::PeerAddress;
use crate::session::{RequestIdRequirement, SessionError, TokenRequirement};
use crate::upstream::UpstreamError;

/// The headers that clients accept: name and value, and 32 bytes for each. gRPC over
/// HTTP/2 sets no limit; grpc-java and gRPC's C core accept 8 KiB.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// The headers that the middleware adds to a status, such as `livegate-call-id`.
const MIDDLEWARE_HEADER_BYTES: usize = 256;

/// Decodes and validates a `CreateSessionRequest`.
pub fn create(bytes: &[u8]) {
    let Ok(request) = v1::CreateSessionRequest::decode(bytes) else {
        return;
    };
    let requirement = RequestIdRequirement::Optional;
    if let Err(violations) = validation::create(&request, requirement, &call()) {
        check_violations(violations);
    }
}

/// Decodes and validates a `GetSessionResultRequest`.
pub fn result(bytes: &[u8]) {
    let Ok(request) = v1::GetSessionResultRequest::decode(bytes) else {
        return;
    };
    for requirement in [TokenRequirement::Required, TokenRequirement::Optional] {
        if let Err(violations) = validation::result(&request, requirement, &call()) {
            check_violations(violations);
        }
    }
}

/// Parses a `grpc-timeout`, and computes its deadline.
pub fn timeout(value: &[u8]) {
    let Some(timeout) = deadline::parse(value) else {
        return;
    };
    let (timeout, usable) = (timeout.sent(), timeout.usable());
    assert!(
        usable <= timeout,
        "the deadline is not later than the caller's"
    );
    assert!(deadline::backstop(usable) <= timeout.max(Duration::from_millis(1)));
    let now = Instant::now();
    assert!(Deadline::after(now, usable).left(now) <= usable);
}

/// Maps an error of AWS to a status.
pub fn map_upstream_error(error: UpstreamError) {
    let error = SessionError::Upstream(error);
    check_size(RpcError::from_session(&error, &call()));
}

fn check_violations(violations: Vec<FieldViolation>) {
    assert!(!violations.is_empty(), "an error without a violation");
    for FieldViolation {
        field, description, ..
    } in &violations
    {
        let is_ascii = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        assert!(is_ascii(field), "{field:?}");
        assert!(is_ascii(description), "{description:?}");
    }
    check_size(RpcError::invalid(violations));
}

/// Checks that clients accept the status.
fn check_size(error: RpcError) {
    let call = call();
    let status = error.into_status(&call.id, call.patience());
    let response = status.into_http::<()>();
    let headers = response.headers();
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32);
    let size: usize = sizes.sum();
    assert!(
        size + MIDDLEWARE_HEADER_BYTES <= MAX_HEADER_BYTES,
        "{size} bytes of headers"
    );
}

/// Returns a call with the longest possible name of a caller.
fn call() -> Call {
    let caller = CallerId::new(&"c".repeat(128)).expect("128 characters are a name");
    let authorizer = Authorizer::new(Policy::default(), DefaultPermission::Allow);
    Call {
        id: Arc::from("01890a5d-ac96-774b-bcce-b302099a8057"),
        permissions: authorizer.permissions(&caller),
        caller,
        auth_method: AuthMethod::Token,
        certificate: None,
        peer: PeerAddress::InProcess,
        deadline: Deadline::after(Instant::now(), Duration::from_secs(10)),
        deadline_source: DeadlineSource::Caller,
    }
}
