//! The AWS SDK behind the port.

use std::time::Duration;

/// Where AWS is, and how long one attempt may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The region of the sessions, as in `us-east-1`.
    pub region: String,
    /// A VPC endpoint or a simulator; `None`: AWS itself.
    pub endpoint_url: Option<String>,
    /// Use the FIPS endpoints.
    pub use_fips: bool,
    /// Use the dual-stack endpoints.
    pub use_dual_stack: bool,
    /// The longest one attempt may take.
    pub attempt_timeout: Duration,
}
