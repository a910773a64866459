//! The thread that writes the audit log, so that a blocked disk delays no call.
//!
//! For example, the disk is full from 12:00 to 12:05. The service logs one error at 12:00
//! and one recovery at 12:05, and counts the records between as lost.

use std::{io, thread};

use tokio::sync::mpsc;
use tracing::{error, info};

use super::metrics::AuditMetrics;
use super::sink::AuditSink;

/// The name of the thread; Linux keeps 15 bytes.
const THREAD_NAME: &str = "livegate-audit";

/// An item of the queue.
#[derive(Debug)]
pub(super) enum QueueItem {
    /// A line to write.
    Line(Vec<u8>),
    /// A request for a reply when all lines before it are written.
    Flush(std::sync::mpsc::Sender<()>),
}

/// Writes queued lines until all senders are dropped.
pub(super) struct AuditWriter {
    sink: AuditSink,
    metrics: AuditMetrics,
    is_failing: bool,
}

impl AuditWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the operating system cannot create a thread.
    pub(super) fn start(
        sink: AuditSink,
        mut queue: mpsc::Receiver<QueueItem>,
        metrics: AuditMetrics,
    ) -> io::Result<()> {
        let mut writer = Self {
            sink,
            metrics,
            is_failing: false,
        };
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned());
        let write = move || {
            while let Some(item) = queue.blocking_recv() {
                match item {
                    QueueItem::Line(line) => writer.write(&line),
                    QueueItem::Flush(written) => drop(written.send(())),
                }
            }
        };
        thread.spawn(write).map(drop)
    }

    fn write(&mut self, line: &[u8]) {
        match self.sink.write(line) {
            Ok(()) => {
                self.metrics.written();
                if std::mem::take(&mut self.is_failing) {
                    info!("audit log is written again");
                }
            }
            Err(error) => {
                self.metrics.lost();
                if !std::mem::replace(&mut self.is_failing, true) {
                    error!(%error, "cannot write audit log, records are lost");
                }
            }
        }
    }
}
