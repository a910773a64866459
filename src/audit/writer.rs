//! The thread that writes: a disk that stands still holds up nobody else.
//!
//! An example: the disk is full at 12:00 and has room again at 12:05. The log has one
//! error at 12:00 and one line at 12:05, and what came between is counted as lost.

use std::{io, thread};

use tokio::sync::mpsc;
use tracing::{error, info};

use super::metrics::AuditMetrics;
use super::sink::Sink;

/// Its name, of which the system keeps 15 bytes.
const THREAD: &str = "livegate-audit";

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A line to write.
    Line(Vec<u8>),
    /// Somebody waits until it comes to this.
    Flush(std::sync::mpsc::Sender<()>),
}

/// Writes what comes until nobody can send any more.
pub(super) struct Writer {
    sink: Sink,
    metrics: AuditMetrics,
    failing: bool,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(super) fn start(
        sink: Sink,
        mut queue: mpsc::Receiver<Message>,
        metrics: AuditMetrics,
    ) -> io::Result<()> {
        let mut writer = Self {
            sink,
            metrics,
            failing: false,
        };
        let thread = thread::Builder::new().name(THREAD.to_owned());
        let write = move || {
            while let Some(message) = queue.blocking_recv() {
                match message {
                    Message::Line(line) => writer.write(&line),
                    Message::Flush(written) => drop(written.send(())),
                }
            }
        };
        thread.spawn(write).map(drop)
    }

    fn write(&mut self, line: &[u8]) {
        match self.sink.write(line) {
            Ok(()) => {
                self.metrics.written();
                if std::mem::take(&mut self.failing) {
                    info!("the audit is written again");
                }
            }
            Err(failure) => {
                self.metrics.lost();
                if !std::mem::replace(&mut self.failing, true) {
                    error!(%failure, "the audit cannot be written: lines are lost");
                }
            }
        }
    }
}
