//! The wall clock, for timestamps that leave the process.

use std::time::SystemTime;

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
