//! The gRPC server: the middleware, the session service, validation, conversion, and the
//! mapping of errors to a status.
//!
//! ```text
//! transport -> middleware: deadline, authentication, permission for the method
//!           -> session_service -> validation: all violations at once
//!           -> session, and back: convert, or status -> rpc_error
//! ```
//!
//! `tonic` and `prost` are used only here. This room owns the conventions of the
//! protocol (deadlines, validation, status codes and details) and decides nothing about
//! sessions.
//!
//! For example, a request with an invalid bucket and an invalid version fails in
//! validation with `INVALID_ARGUMENT`, reason `INVALID_REQUEST`, and two field
//! violations, `settings.output_config.s3_bucket` and
//! `settings.challenge_preferences[0].versions.minimum`.

mod audit_guard;
mod call;
mod concurrency_limit;
mod convert;
mod deadline;
mod failure_log;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod http_refusal;
mod method;
mod metrics;
mod middleware;
mod peer_credentials;
mod reason;
mod recent_errors;
mod request_body;
mod response;
mod rpc_error;
mod server;
mod services;
mod session_service;
pub(crate) mod single_message;
mod span;
mod status;
mod validation;
mod watch_stream;

pub use health::Health;
pub use metrics::GrpcMetrics;
pub use recent_errors::RecentErrors;
pub use server::{GrpcSettings, Server};
pub use session_service::SessionService;

/// The messages and services generated from `proto/livegate/v1/session.proto`.
pub mod v1 {
    #![expect(unused_qualifications, reason = "generated")]
    #![expect(clippy::too_many_lines, reason = "generated")]
    #![expect(clippy::allow_attributes, reason = "generated")]
    #![expect(clippy::allow_attributes_without_reason, reason = "generated")]
    tonic::include_proto!("livegate.v1");
}

/// The descriptors of the contract, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/livegate.v1.bin"));

/// The largest request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024;
