//! How the process leaves: on which signal, in which order, by when.
//!
//! ```text
//! SIGTERM        lameduck: not ready,        grace: no new connections,
//!    |           still serving                calls under way are finished
//!    |---------------------------------------|----------------------------| gone
//! ```
//!
//! A second signal ends the wait at once. An example, with a lameduck of 5 s and a
//! grace of 20 s: whatever its clients do, they are cut off 25 s after SIGTERM. The audit
//! and the traces may take 7 s more; mostly they take none.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// How the process leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// Not ready, still serving: the time in which balancers notice.
    pub lameduck: Duration,
    /// How long what is in flight may take from then on.
    pub grace: Duration,
}

/// SIGTERM and SIGINT, heard from the moment on that this is made.
#[derive(Debug)]
pub struct ShutdownSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl ShutdownSignals {
    /// Listens. Make it before anything says that the process is ready: a signal
    /// that comes earlier ends the process at once.
    ///
    /// # Errors
    /// Where the process may not listen to signals.
    pub fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            terminate,
            interrupt,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "asked to leave");
    }
}
