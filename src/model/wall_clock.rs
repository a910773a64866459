//! The wall clock, for timestamps that leave the process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the wall-clock time. Durations and deadlines use [`tokio::time::Instant`]
/// instead, which cannot jump.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "it leaves the process as a timestamp"
)]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Returns the time since the Unix epoch: zero for a time before it.
#[must_use]
pub fn unix_time(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
