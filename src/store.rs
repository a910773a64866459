//! The connection to the store that replicas share: Redis, or Valkey.
//!
//! It owns the connection and nothing that is kept there: whoever keeps something
//! brings a script. It never waits long. A call has `timeout`, 50 ms unless said
//! otherwise. A connection that breaks is given up, and one on which for four times
//! that long nothing but silence came; until there is another one every call fails
//! at once, so that a store that is gone costs nobody time. A call is never
//! repeated: it may have been done.
//!
//! Meanwhile a task connects again: at once where the connection had held for a
//! second, else after a pause that doubles from 25 ms to 500 ms, with full jitter.
//! The password file is read anew each time, so a password can change.
//!
//! ```text
//! t=0.050  a call took longer than 50 ms: Slow; so do those after it
//! t=0.250  not one answer since: calls fail at once, Down      connecting
//! t=0.252  connected, and the store says PONG: calls are sent again
//! ```

mod connect;
mod metrics;
#[cfg(test)]
pub(crate) mod test_server;

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisError, ScriptInvocation, ServerErrorKind};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

pub use self::metrics::StoreMetrics;

const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A connection that held for so long is worth another try at once.
const STEADY: Duration = Duration::from_secs(1);

/// So many timeouts of silence end a connection.
const SILENCE: u32 = 4;

/// Where the store is, and how to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// `redis://host:port/database`, or `rediss://` for TLS; `None`: no store.
    pub url: Option<String>,
    /// The ACL user; `None`: the default one.
    pub user: Option<String>,
    /// The password; `None`: the one in `password_file`, or none.
    pub password: Option<Password>,
    /// A file with the password, read at each connection.
    pub password_file: Option<PathBuf>,
    /// The longest that a call waits, 1 ms to 10 s.
    pub timeout: Duration,
    /// What the name of every key begins with.
    pub prefix: String,
    /// The most replicas that share it, 1 to 10,000.
    pub max_replicas: NonZeroU32,
}

/// A password. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why the store did not do what it was asked to, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no connection: it did not.
    #[error("there is no connection to the store")]
    Down,
    /// No answer came in time: it may have.
    #[error("the store did not answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// It says no, or the connection broke.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// The store. Clones are the same connection.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: watch::Receiver<Option<MultiplexedConnection>>,
    lost: Arc<Notify>,
    /// Since when calls have been slow, and none was answered.
    silent_since: Mutex<Option<Instant>>,
    settings: StoreSettings,
    metrics: StoreMetrics,
    _keeping: DropGuard,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.settings.url).finish()
    }
}

impl Store {
    /// Starts to connect to the store that `settings` name, and keeps at it until
    /// the last clone is gone. `None` where they name none.
    #[must_use]
    pub fn open(settings: &StoreSettings, metrics: &StoreMetrics) -> Option<Self> {
        settings.url.as_ref()?;
        metrics.is_up(false);
        let (publish, connection) = watch::channel(None);
        let (lost, gone) = (Arc::new(Notify::new()), CancellationToken::new());
        let keeper = keep(settings.clone(), publish, lost.clone(), metrics.clone());
        tokio::spawn(gone.clone().run_until_cancelled_owned(keeper));
        Some(Self(Arc::new(Inner {
            connection,
            lost,
            silent_since: Mutex::new(None),
            settings: settings.clone(),
            metrics: metrics.clone(),
            _keeping: gone.drop_guard(),
        })))
    }

    /// Connects once and asks whether the store is there and takes writes.
    ///
    /// # Errors
    /// Why it is not, or does not.
    pub async fn try_once(settings: &StoreSettings) -> Result<(), StoreError> {
        connect::try_once(settings).await
    }

    /// The name of a key: the prefix, then `kind`, then `name`, which alone
    /// decides the hash slot.
    #[must_use]
    pub fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{{{name}}}", self.0.settings.prefix)
    }

    /// Whether there is a connection at present.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.connection.borrow().is_some()
    }

    /// Returns once there is a connection. It can be dropped anywhere.
    pub async fn up(&self) {
        let mut connection = self.0.connection.clone();
        // The sender lives as long as this store does.
        let _ = connection.wait_for(Option::is_some).await;
    }

    /// Runs a script, once at most, and counts it as `operation`. Dropped half way,
    /// it may have run.
    ///
    /// # Errors
    /// Where it did not run, or nobody knows.
    pub async fn run<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let answer = self.invoke(script).await;
        let metrics = &self.0.metrics;
        metrics.called(operation, begun.elapsed(), &answer);
        answer
    }

    async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let connection = self.0.connection.borrow().clone();
        let mut connection = connection.ok_or(StoreError::Down)?;
        let longest = self.0.settings.timeout;
        let answer = timeout(longest, script.invoke_async(&mut connection)).await;
        let error = match answer {
            Ok(Err(error)) if !error.is_timeout() => error,
            Ok(Ok(answer)) => {
                self.heard();
                return Ok(answer);
            }
            Ok(Err(_)) | Err(_) => {
                self.waited_in_vain(Instant::now());
                return Err(StoreError::Slow(longest));
            }
        };
        self.heard();
        if ends_connection(&error) {
            self.0.lost.notify_one();
        }
        Err(failed(&error))
    }

    fn silent_since(&self) -> MutexGuard<'_, Option<Instant>> {
        let since = self.0.silent_since.lock();
        since.unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        *self.silent_since() = None;
    }

    /// One slow answer is a hiccup; nothing but silence is a connection that is dead.
    fn waited_in_vain(&self, now: Instant) {
        let longest = self.0.settings.timeout;
        let begun = now.checked_sub(longest).unwrap_or(now);
        let mut since = self.silent_since();
        let silent = now - *since.get_or_insert(begun);
        if silent >= longest * SILENCE {
            *since = None;
            self.0.lost.notify_one();
        }
    }
}

/// Connects, waits until the connection is lost, and again.
async fn keep(
    settings: StoreSettings,
    publish: watch::Sender<Option<MultiplexedConnection>>,
    lost: Arc<Notify>,
    metrics: StoreMetrics,
) {
    let mut pause = Duration::ZERO;
    let mut told = None;
    loop {
        sleep(pause.mul_f64(fastrand::f64())).await;
        let begun = Instant::now();
        match connect::connect(&settings).await {
            Ok(connection) => {
                info!(store.url = settings.url, "the store is there");
                told = None;
                publish.send_replace(Some(connection));
                metrics.is_up(true);
                lost.notified().await;
                publish.send_replace(None);
                metrics.is_up(false);
                warn!(store.url = settings.url, "the store's connection is lost");
            }
            Err(error) if told.as_ref() == Some(&error) => {}
            Err(error) => {
                warn!(store.url = settings.url, %error, "the store is not there");
                told = Some(error);
            }
        }
        let steady = begun.elapsed() >= STEADY && told.is_none();
        pause = if steady {
            Duration::ZERO
        } else {
            (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
        };
    }
}

/// Whether nothing more can be hoped for from the connection: it broke, or it
/// leads to a server that takes no writes any more.
fn ends_connection(error: &RedisError) -> bool {
    let kind = error.kind();
    error.is_unrecoverable_error()
        || kind == ErrorKind::Io
        || kind == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || kind == ErrorKind::Server(ServerErrorKind::MasterDown)
        || kind == ErrorKind::Server(ServerErrorKind::BusyLoading)
}

fn failed(error: &RedisError) -> StoreError {
    StoreError::Failed(error.to_string())
}
