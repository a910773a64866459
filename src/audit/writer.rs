//! The thread that writes the audit log, so that a blocked disk delays no call.
//!
//! Lines that arrive within [`BATCH_INTERVAL`] are written together, so that 5000 sessions
//! a second cause 200 writes and wake-ups of the thread.
//!
//! For example, the disk is full from 12:00 to 12:05. The service logs one error at 12:00
//! and one recovery at 12:05, and counts the records between as lost.

use std::time::Duration;
use std::{io, thread};

use tokio::sync::mpsc;
use tracing::{error, info};

use super::metrics::AuditMetrics;
use super::sink::AuditSink;
use crate::change::Condition;

/// The name of the thread; Linux keeps 15 bytes.
const THREAD_NAME: &str = "livegate-audit";

/// The pause after each write. A line is written at most this much later.
const BATCH_INTERVAL: Duration = Duration::from_millis(5);

/// The most items of one batch.
const BATCH_ITEMS: usize = 1024;

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
    failure: Condition,
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
            failure: Condition::default(),
        };
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned());
        let write = move || {
            let mut items = Vec::new();
            while queue.blocking_recv_many(&mut items, BATCH_ITEMS) > 0 {
                writer.write(items.drain(..));
                pause();
            }
        };
        thread.spawn(write).map(drop)
    }

    /// Writes the lines of `items` together, and then replies to flushes.
    fn write(&mut self, items: impl Iterator<Item = QueueItem>) {
        let (mut lines, mut count, mut flushes) = (Vec::new(), 0, Vec::new());
        for item in items {
            match item {
                QueueItem::Line(line) => {
                    lines.extend(line);
                    count += 1;
                }
                QueueItem::Flush(written) => flushes.push(written),
            }
        }
        if count > 0 {
            self.write_lines(&lines, count);
        }
        for written in flushes {
            let _ = written.send(());
        }
    }

    fn write_lines(&mut self, lines: &[u8], count: u64) {
        match self.sink.write(lines) {
            Ok(()) => {
                self.metrics.written(count);
                if self.failure.end() {
                    info!("audit log is written again");
                }
            }
            Err(error) => {
                self.metrics.lost(count);
                if self.failure.begin(()) {
                    error!(%error, "cannot write audit log, records are lost");
                }
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread is the audit log's own and blocks no worker"
)]
fn pause() {
    thread::sleep(BATCH_INTERVAL);
}
