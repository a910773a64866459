//! Shutdown.

use std::time::Duration;

/// How the process leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// Not ready, still serving: the time in which balancers notice.
    pub lameduck: Duration,
    /// How long what is in flight may take from then on.
    pub grace: Duration,
}
