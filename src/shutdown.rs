//! How the process leaves: on which signal, in which order, by when.
//!
//! ```text
//! SIGTERM        lameduck: not ready,        grace: no new connections,
//!    |           still serving                calls under way are finished
//!    |---------------------------------------|----------------------------| gone
//! ```
//!
//! A second signal ends the wait at once. An example, with a lameduck of 5 s and a
//! grace of 20 s: whatever its clients do, the process is gone 25 s after SIGTERM.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// How the process leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// Not ready, still serving: the time in which balancers notice.
    pub lameduck: Duration,
    /// How long what is in flight may take from then on.
    pub grace: Duration,
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// Where the process may not listen to signals.
pub async fn requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!(signal = name, "asked to leave");
    Ok(())
}
