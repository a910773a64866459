//! Shutdown: its signals, its phases and their durations.
//!
//! ```text
//! SIGTERM        lameduck: not ready,        grace: no new connections,
//!    |           still serving               calls in progress finish
//!    |---------------------------------------|----------------------------| exit
//! ```
//!
//! A second signal ends the process at once. For example, with a lameduck of 5 s and a
//! grace of 20 s, clients are disconnected 25 s after SIGTERM at the latest. Writing the
//! last audit lines and traces can take up to 7 s more.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// `[shutdown]`: the durations of the phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// The time of serving while not ready, in which load balancers notice.
    pub lameduck: Duration,
    /// The time for calls in progress to finish after that.
    pub grace: Duration,
}

/// Receives SIGTERM and SIGINT from its creation on.
#[derive(Debug)]
pub struct ShutdownSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl ShutdownSignals {
    /// Installs the signal handlers. A signal that arrives earlier ends the process at
    /// once, so call this before the process reports that it is ready.
    ///
    /// # Errors
    /// Returns an error if a handler cannot be installed.
    pub fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            terminate,
            interrupt,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "shutdown requested");
    }
}
