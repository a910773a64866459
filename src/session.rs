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
mod rights;
mod spans;
mod witness;
pub mod words;

use std::time::SystemTime;

pub use attempts::{Attempts, Effort};
pub use creator::{Creator, Order, Session};
pub use error::SessionError;
pub use metrics::AttemptMetrics;
pub use ownership::{Ownership, Proof};
pub use results::{Reading, Results};
pub use rights::Rights;
pub use witness::{Seen, Witness};

#[expect(
    clippy::disallowed_methods,
    reason = "it leaves the process as a timestamp"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
