//! The audit log: which caller created which session, read which result, or was refused
//! access. Each record is one line of JSON. No log level turns it off.
//!
//! It owns the format of the line, the digests, and the output to a file or to standard
//! output. It knows nothing of calls and decides nothing. Sessions and subjects are
//! written as keyed digests ([HMAC]): a holder of the key can search for a known value,
//! but a digest cannot be reversed.
//!
//! A record never blocks a call. It goes into a queue of 4096, which a separate thread
//! writes. If the queue is full or the file cannot be written, the record is lost. Lost
//! records are counted, and the start of each loss is logged once. Refused calls cost no
//! quota and could fill the queue, so half of it is reserved for sessions.
//!
//! For example, with line breaks added:
//!
//! ```text
//! {"time":"2026-11-25T12:00:00.25Z","event":"session_issued","operation":"CreateSession",
//!  "call_id":"0b6e...","caller":"payments","auth_method":"token","subject_digest":"mJ0q...",
//!  "session_digest":"x4Fb...","profile":"kyc","aws_request_id":"7f3a...","code":"OK",
//!  "latency_ms":312,"attempts":1}
//! ```
//!
//! [HMAC]: https://www.rfc-editor.org/rfc/rfc2104

mod digest;
mod metrics;
mod record;
mod sink;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::error;

pub use self::digest::DigestKey;
pub use self::metrics::AuditMetrics;
pub use self::record::{AuditEvent, AuditRecord};
pub use self::sink::AuditFileError;

use self::sink::AuditSink;
use self::writer::{AuditWriter, QueueItem};
use crate::change::Condition;

/// The capacity of the queue, in records.
const QUEUE_CAPACITY: usize = 4096;

/// The timeout of a flush for a place in the queue, and again for the records before it.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the records are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditOutput {
    /// To standard output.
    #[default]
    StandardOutput,
    /// Appended to a file, which is created if it is missing.
    File(PathBuf),
    /// Nowhere: for the demo, whose standard output is for reading. No configuration can
    /// select this.
    Disabled,
}

/// The settings of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// Where the records are written.
    pub output: AuditOutput,
    /// The file with the digest key; unset: a random key for this process.
    pub digest_key_file: Option<PathBuf>,
}

/// The audit log. Clones share the same output.
#[derive(Clone, Debug)]
pub struct Audit(Option<Arc<AuditQueue>>);

#[derive(Debug)]
struct AuditQueue {
    sender: mpsc::Sender<QueueItem>,
    key: DigestKey,
    metrics: AuditMetrics,
    /// Records are being lost because the queue is full.
    loss: Condition,
}

/// Why the audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be used.
    #[error("audit.path = \"{}\": {source}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: AuditFileError,
    },
    /// The writer thread cannot be started.
    #[error("cannot start the audit thread: {0}")]
    Thread(std::io::Error),
}

impl Audit {
    /// Returns an audit log that writes nothing.
    #[must_use]
    pub fn disabled() -> Self {
        Self(None)
    }

    /// Opens the audit log at `output`, with digests by `key`.
    ///
    /// # Errors
    /// If the path is not a regular file or cannot be opened, or if the writer thread
    /// cannot be started.
    pub fn open(
        output: AuditOutput,
        key: DigestKey,
        metrics: AuditMetrics,
    ) -> Result<Self, AuditError> {
        let sink = match output {
            AuditOutput::Disabled => return Ok(Self::disabled()),
            AuditOutput::StandardOutput => AuditSink::standard_output(),
            AuditOutput::File(path) => match AuditSink::file(path.clone()) {
                Ok(sink) => sink,
                Err(source) => return Err(AuditError::File { path, source }),
            },
        };
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        AuditWriter::start(sink, receiver, metrics.clone()).map_err(AuditError::Thread)?;
        Ok(Self::with_queue(sender, key, metrics))
    }

    fn with_queue(sender: mpsc::Sender<QueueItem>, key: DigestKey, metrics: AuditMetrics) -> Self {
        Self(Some(Arc::new(AuditQueue {
            sender,
            key,
            metrics,
            loss: Condition::default(),
        })))
    }

    /// Queues the record that `record` builds with the digest key. It never blocks.
    pub fn write(&self, record: impl FnOnce(&DigestKey) -> AuditRecord) {
        let Some(queue) = &self.0 else {
            return;
        };
        let record = record(&queue.key);
        let has_room = match record.event {
            AuditEvent::Refused => queue.sender.capacity() > QUEUE_CAPACITY / 2,
            AuditEvent::SessionIssued | AuditEvent::SessionReplayed | AuditEvent::SessionRead => {
                true
            }
        };
        let line = QueueItem::Line(record.into_line());
        if has_room && queue.sender.try_send(line).is_ok() {
            // The loss is over once the queue accepts every kind of record.
            if queue.sender.capacity() > QUEUE_CAPACITY / 2 {
                queue.loss.end();
            }
            return;
        }
        queue.metrics.lost(1);
        if queue.loss.begin(()) {
            error!("audit queue is full, records are lost");
        }
    }

    /// Waits until all records so far are written, for at most four seconds. Dropping it
    /// does not lose records.
    pub async fn flush(&self) {
        let Some(queue) = &self.0 else {
            return;
        };
        let (written, done) = std::sync::mpsc::channel();
        let requested = queue.sender.send(QueueItem::Flush(written));
        if let Ok(Ok(())) = timeout(FLUSH_TIMEOUT, requested).await {
            // Real time: the thread does not see tokio's paused time in tests.
            let waiting = spawn_blocking(move || done.recv_timeout(FLUSH_TIMEOUT));
            let _ = waiting.await;
        }
    }
}

#[cfg(test)]
mod tests;
