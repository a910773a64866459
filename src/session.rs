//! Sessions: creating them and reading their results.
//!
//! This is the domain. It takes a request from the authenticated caller to the answer of
//! AWS, and owns the lifetime of a session. It uses the ports of AWS and the stores, and
//! knows nothing of gRPC, TOML or HTTP.

mod attempts;
mod caller_metrics;
mod check_metrics;
mod create;
mod create_request;
mod error;
mod metrics;
mod ownership;
mod poll_schedule;
mod poller;
mod progress;
mod read_result;
mod request_id_age;
mod result_flight;
mod result_request;
mod result_source;
mod spans;
mod verdict;
mod watch;
mod watch_limit;

pub use attempts::AttemptPolicy;
pub use check_metrics::CheckMetrics;
pub use create::{Creator, Session};
pub use create_request::{CreateRequest, RequestIdRequirement};
pub use error::SessionError;
pub use metrics::AttemptMetrics;
pub use ownership::{Ownership, TokenRequirement};
pub use progress::{Progress, Served};
pub use read_result::{ResultReader, WatchSettings};
pub use result_request::{ImageBytes, ResultRequest, SessionResult};
pub use verdict::{CheckFailure, Verdict};
pub use watch::Watch;
pub use watch_limit::WatchLimitExceeded;
