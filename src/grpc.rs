//! The gRPC face: bytes into the domain's words, and its answers into bytes.
//!
//! The only home of `tonic` and `prost`. It owns the wire's conventions (deadlines,
//! validation, status codes and their details); it decides nothing about sessions.
//!
//! An example: a request with a bad bucket and a bad version never leaves this
//! room. It is answered with `INVALID_ARGUMENT`, reason `INVALID_REQUEST`, and two
//! field violations, `settings.output_config.s3_bucket` and
//! `settings.challenge_preferences[0].versions.minimum`.

mod audit_guard;
mod call;
mod concurrency_limit;
mod convert;
mod deadline;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handler_error;
mod health;
mod metrics;
mod middleware;
mod peer_credentials;
mod reason;
mod server;
mod session_service;
mod span;
mod status;
mod validation;

pub use health::Health;
pub use metrics::GrpcMetrics;
pub use server::{GrpcSettings, Server};
pub use session_service::SessionService;

/// The contract, as generated from `proto/livegate/v1/session.proto`.
pub mod v1 {
    #![expect(unused_qualifications, reason = "generated")]
    #![expect(clippy::too_many_lines, reason = "generated")]
    #![expect(clippy::allow_attributes, reason = "generated")]
    #![expect(clippy::allow_attributes_without_reason, reason = "generated")]
    tonic::include_proto!("livegate.v1");
}

/// The contract's descriptors, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/livegate.v1.bin"));

/// The largest request that is read, in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
