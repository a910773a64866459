//! Sessions: issuing them, and reading what came of them.
//!
//! This is the domain. It owns the way of a request from the caller's identity
//! to AWS's answer, and the life of a session. It knows the ports behind which
//! AWS and the stores stand, and nothing of gRPC, TOML or HTTP.

mod attempts;
mod caller_metrics;
mod creator;
mod error;
mod metrics;
mod ownership;
mod results;
mod spans;
mod witness;

pub use attempts::{AttemptStats, Attempts};
pub use creator::{CreateRequest, Creator, Session};
pub use error::SessionError;
pub use metrics::AttemptMetrics;
pub use ownership::{Ownership, TokenRequirement};
pub use results::{ResultReader, ResultRequest};
pub use witness::{Progress, ProgressSnapshot};
