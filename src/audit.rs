//! The audit: who was issued which session, who read which result, and whom the
//! rules refused. One line of JSON for each, which no log level turns off.
//!
//! It owns the line's form, its digests and its way to a file or to standard output.
//! It does not know what a call is, and decides nothing. Sessions and subjects stand
//! there as keyed digests: whoever has the key can look for one, nobody can read one.
//!
//! A line never holds up a call. It goes into a queue of 4096, from which a thread of
//! its own writes; where the queue is full or the file cannot be written the line is
//! lost, which is counted, and logged once for each time that it begins. Refusals cost
//! no quota and could fill the queue: half of it is for sessions alone.
//!
//! An example, with its line broken:
//!
//! ```text
//! {"time":"2026-11-25T12:00:00.25Z","event":"session_issued","operation":"CreateSession",
//!  "call_id":"0b6e...","caller":"payments","auth_method":"token","subject_digest":"mJ0q...",
//!  "session_digest":"x4Fb...","profile":"kyc","aws_request_id":"7f3a...","code":"OK",
//!  "latency_ms":312,"attempts":1}
//! ```

mod digest;
mod metrics;
mod record;
mod sink;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::error;

pub use self::digest::DigestKey;
pub use self::metrics::AuditMetrics;
pub use self::record::{AuditEvent, AuditRecord};
pub use self::sink::Unfit;

use self::sink::Sink;
use self::writer::{Message, Writer};

/// How many lines may wait to be written.
const QUEUE: usize = 4096;

/// How long the end waits for a place in the queue, and then for what is before it.
const CLOSING: Duration = Duration::from_secs(2);

/// Where the lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// To standard output.
    #[default]
    StandardOutput,
    /// To the end of a file, which is made where it is missing.
    File(PathBuf),
    /// Nowhere: for a demonstration, whose output is for reading. No configuration
    /// can name it.
    Nowhere,
}

/// What the audit goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// Where the lines go.
    pub output: Output,
    /// The file of the digests' key; unset: a key of this process alone.
    pub digest_key_file: Option<PathBuf>,
}

/// The audit. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Audit(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    lines: mpsc::Sender<Message>,
    key: DigestKey,
    metrics: AuditMetrics,
    /// Whether lines are being lost for want of room.
    losing: AtomicBool,
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Its file cannot be had.
    #[error("audit.path = \"{}\": {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: Unfit,
    },
    /// There is no thread to write it.
    #[error("the thread that writes the audit cannot be started: {0}")]
    Thread(std::io::Error),
}

impl Audit {
    /// Writes nothing.
    #[must_use]
    pub fn nowhere() -> Self {
        Self(None)
    }

    /// Writes to `output`, with digests by `key`.
    ///
    /// # Errors
    /// Where the file is none or cannot be opened, or there is no thread to be had.
    pub fn open(output: Output, key: DigestKey, metrics: AuditMetrics) -> Result<Self, AuditError> {
        let sink = match output {
            Output::Nowhere => return Ok(Self::nowhere()),
            Output::StandardOutput => Sink::standard_output(),
            Output::File(path) => match Sink::file(path.clone()) {
                Ok(sink) => sink,
                Err(source) => return Err(AuditError::File { path, source }),
            },
        };
        let (lines, queue) = mpsc::channel(QUEUE);
        Writer::start(sink, queue, metrics.clone()).map_err(AuditError::Thread)?;
        Ok(Self::sending(lines, key, metrics))
    }

    fn sending(lines: mpsc::Sender<Message>, key: DigestKey, metrics: AuditMetrics) -> Self {
        Self(Some(Arc::new(Open {
            lines,
            key,
            metrics,
            losing: AtomicBool::new(false),
        })))
    }

    /// Has what `record` makes of the digests' key written. It never waits.
    pub fn write(&self, record: impl FnOnce(&DigestKey) -> AuditRecord) {
        let Some(open) = &self.0 else {
            return;
        };
        let record = record(&open.key);
        let room = match record.event {
            AuditEvent::Refused => open.lines.capacity() > QUEUE / 2,
            AuditEvent::SessionIssued | AuditEvent::SessionReplayed | AuditEvent::SessionRead => {
                true
            }
        };
        let line = Message::Line(record.into_line());
        if room && open.lines.try_send(line).is_ok() {
            // It is over once there is room for all kinds of lines.
            if open.lines.capacity() > QUEUE / 2 {
                open.losing.store(false, Ordering::Relaxed);
            }
            return;
        }
        open.metrics.lost();
        if !open.losing.swap(true, Ordering::Relaxed) {
            error!("the audit is not written fast enough: lines are lost");
        }
    }

    /// Returns once all lines so far are written, but after four seconds at the latest.
    /// Dropped half way, they are written all the same.
    pub async fn flush(&self) {
        let Some(open) = &self.0 else {
            return;
        };
        let (written, done) = std::sync::mpsc::channel();
        let asked = open.lines.send(Message::Flush(written));
        if let Ok(Ok(())) = timeout(CLOSING, asked).await {
            // The thread goes by the time of day, whatever time tests play.
            let waiting = spawn_blocking(move || done.recv_timeout(CLOSING));
            let _ = waiting.await;
        }
    }
}

#[cfg(test)]
mod tests;
