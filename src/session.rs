//! Sessions: creating them and reading their results.
//!
//! This is the domain. It takes a request from the authenticated caller to the answer of
//! AWS, and owns the lifetime of a session. It uses the ports of AWS and the stores, and
//! knows nothing of gRPC, TOML or HTTP.

mod attempts;
mod caller_metrics;
mod create;
mod create_request;
mod error;
mod metrics;
mod ownership;
mod progress;
mod read_result;
mod request_id_age;
mod spans;
mod verdict;

pub use attempts::AttemptPolicy;
pub use create::{Creator, Session};
pub use create_request::{CreateRequest, RequestIdRequirement};
pub use error::SessionError;
pub use metrics::AttemptMetrics;
pub use ownership::{Ownership, TokenRequirement};
pub use progress::Progress;
pub use read_result::{ImageBytes, ResultReader, ResultRequest, SessionResult};
pub use verdict::{CheckFailure, Verdict};
