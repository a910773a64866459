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
//! quota and could fill the queue, so half of it is reserved for sessions, and the records
//! of one caller and reason are bounded.
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
mod refusals;
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
pub use self::record::{AuditEvent, AuditRecord, AuditedRead};
pub use self::sink::AuditFileError;

use self::record::{RefusalsOmitted, line};
use self::refusals::RefusalCounts;
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
    refusals: RefusalCounts,
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
            refusals: RefusalCounts::default(),
        })))
    }

    /// Queues the record that `record` builds with the digest key. It never blocks.
    pub fn write(&self, record: impl FnOnce(&DigestKey) -> AuditRecord) {
        let Some(queue) = &self.0 else {
            return;
        };
        let record = record(&queue.key);
        let is_refusal = record.event == AuditEvent::Refused;
        let reason = record.reason.unwrap_or_default();
        if is_refusal && !queue.refusals.count(&record.caller, reason, self) {
            return;
        }
        queue.push(line(record), is_refusal);
    }

    /// Waits until all records so far are written, for at most four seconds. Dropping it
    /// does not lose records.
    pub async fn flush(&self) {
        let Some(queue) = &self.0 else {
            return;
        };
        for (key, omitted) in queue.refusals.end_all() {
            queue.summarize(&key, omitted);
        }
        let (written, done) = std::sync::mpsc::channel();
        let requested = queue.sender.send(QueueItem::Flush(written));
        if let Ok(Ok(())) = timeout(FLUSH_TIMEOUT, requested).await {
            // Real time: the thread does not see tokio's paused time in tests.
            let waiting = spawn_blocking(move || done.recv_timeout(FLUSH_TIMEOUT));
            let _ = waiting.await;
        }
    }
}

impl AuditQueue {
    fn push(&self, line: Vec<u8>, is_refusal: bool) {
        let has_room = !is_refusal || self.sender.capacity() > QUEUE_CAPACITY / 2;
        if has_room && self.sender.try_send(QueueItem::Line(line)).is_ok() {
            // The loss is over once the queue accepts every kind of record.
            if self.sender.capacity() > QUEUE_CAPACITY / 2 {
                self.loss.end();
            }
            return;
        }
        self.metrics.lost(1);
        if self.loss.begin(()) {
            error!("audit queue is full, records are lost");
        }
    }

    fn summarize(&self, (caller, reason): &(String, &'static str), count: u64) {
        let summary = RefusalsOmitted {
            caller: caller.clone(),
            reason,
            count,
        };
        self.push(line(summary), true);
    }
}

#[cfg(test)]
mod tests;
