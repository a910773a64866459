//! Livegate issues Amazon Rekognition Face Liveness sessions to internal
//! services over gRPC, within the one quota that AWS gives an account.
//!
//! # The way of one request
//!
//! ```text
//! bytes -> grpc: caller identity, deadline, validation (all violations at once)
//!       -> session::creator: policy -> idempotency -> admission -> attempt -> (retry: admission again) -> answer
//!       -> upstream::aws: the SDK, its own retries off, one attempt, one timeout
//!       -> grpc::status: one exhaustive match from the domain error to code + details
//! ```
//!
//! Every attempt, a retry too, pays a token: AWS counts attempts, not requests.
//!
//! # Who may call whom
//!
//! - [`model`] is a leaf that anyone may import.
//! - `main -> cli -> app -> everything`; only `app` and `cli` import [`config`],
//!   and each component owns its own settings type.
//! - [`grpc`] and [`admin`] know `session`, `auth` and `deadline`; `tonic` and
//!   `prost` stop there.
//! - [`session`] knows `policy`, `admission`, `retry`, `result_token` and the ports
//!   of `upstream` and `idempotency`.
//! - [`policy`] judges who may do what: it knows callers by name, and no wire.
//! - [`result_token`] is pure: bytes and keys, no wire and no file.
//! - [`auth`] makes callers of certificates, tokens and addresses: no `tonic`, and no
//!   wire but that of the issuer's keys.
//! - [`audit`] knows the words alone; [`grpc`] has it write.
//! - An adapter knows its own port and its own library, nothing else.
//! - [`store`] is the connection that the stores' adapters share.
//! - [`simulator`] and [`telemetry`] import nothing of ours.
//!
//! `tests/architecture.rs` holds these rules.

pub mod admin;
pub mod admission;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod grpc;
pub mod idempotency;
pub mod model;
pub mod result_token;
pub mod retry;
pub mod session;
pub mod shutdown;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod upstream;
