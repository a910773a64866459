//! The connection to the store that replicas share: Redis or Valkey.
//!
//! It owns the connection and not the data; its users run Lua scripts. Each call has a
//! timeout of `store.timeout`, 50 ms by default. The connection is closed when it
//! breaks, or when calls have received no response for four times the timeout. Until it
//! is connected again every call fails at once, so that an unavailable store causes no
//! delay. A call is never retried, because the store may have executed it.
//!
//! A store that accepts no writes counts as not connected: a replica, a full disk or memory,
//! too few replicas, or a login without permission. Each new connection proves a write.
//!
//! A task reconnects: at once if the connection had lasted for at least a second, else
//! with exponential backoff from 25 ms to 500 ms and [full jitter]. The files of the
//! password, the CA and the client certificate are read for each connection, so they can be
//! rotated. An outage is logged when it begins, once for each cause, and when it ends: when
//! a connection has lasted for 11 s.
//!
//! ```text
//! t=0.050  a call exceeds 50 ms: Slow; so do those after it
//! t=0.250  still no response: calls fail at once with Down      connecting
//! t=0.252  connected, the store accepts a write: calls are sent again
//! ```
//!
//! [full jitter]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

mod connect;
mod connection;
mod denied;
#[cfg(test)]
pub(crate) mod golden;
mod metrics;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod tls;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, RedisError, ScriptInvocation};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use self::connection::StoreConnection;
pub use self::denied::with_missing_right;
pub use self::metrics::{StoreCondition, StoreMetrics};
pub use self::tls::StoreTls;
use crate::change::{Condition, QUIET};

const MIN_BACKOFF: Duration = Duration::from_millis(25);
const MAX_BACKOFF: Duration = Duration::from_millis(500);

/// The length limit of the store's error messages, in bytes.
const MAX_ERROR_BYTES: usize = 500;

/// A connection that lasted for this long is replaced without backoff.
const STABLE_AFTER: Duration = Duration::from_secs(1);

/// The address of the store, the login and the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// `redis://host:port/database`, or `rediss://` for TLS; `None` for no store.
    pub url: Option<String>,
    /// The ACL user; `None` for the default user.
    pub user: Option<String>,
    /// The password; `None` for the one in `password_file`, if any.
    pub password: Option<Password>,
    /// A file with the password, read for each connection.
    pub password_file: Option<PathBuf>,
    /// The files of a connection by TLS.
    pub tls: StoreTls,
    /// The timeout of a call, 1 ms to 10 s.
    pub timeout: Duration,
    /// The prefix of every key.
    pub prefix: String,
    /// The maximum number of replicas that share the store, 1 to 10,000.
    pub max_replicas: NonZeroU32,
}

/// A password. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[debug("Password(..)")]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Why a call to the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no connection; the call was not sent.
    #[error("the store is not connected")]
    Down,
    /// The call timed out; the store may have executed it.
    #[error("the store did not respond within {} ms", .0.as_millis())]
    Slow(Duration),
    /// The store returned an error, or the connection broke.
    #[error("store error: {0}")]
    Failed(String),
}

impl StoreError {
    /// Returns the error without its duration, so that errors of one cause are equal.
    pub(crate) fn cause(&self) -> Self {
        match self {
            Self::Slow(_) => Self::Slow(Duration::ZERO),
            other => other.clone(),
        }
    }
}

/// The store. Clones share the connection.
#[derive(Clone, derive_more::Debug)]
#[debug("Store({:?})", _0.settings.url)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: watch::Receiver<Option<Arc<StoreConnection>>>,
    settings: StoreSettings,
    metrics: StoreMetrics,
    _reconnect_task: DropGuard,
}

impl Store {
    /// Starts the task that connects to the store and reconnects until the last clone is
    /// dropped. Returns `None` if `settings` have no URL.
    #[must_use]
    pub fn open(settings: &StoreSettings, metrics: &StoreMetrics) -> Option<Self> {
        settings.url.as_ref()?;
        metrics.set_up(false);
        let (publish, connection) = watch::channel(None);
        let dropped = CancellationToken::new();
        let task = keep_connected(settings.clone(), publish, metrics.clone());
        tokio::spawn(dropped.clone().run_until_cancelled_owned(task));
        Some(Self(Arc::new(Inner {
            connection,
            settings: settings.clone(),
            metrics: metrics.clone(),
            _reconnect_task: dropped.drop_guard(),
        })))
    }

    /// Connects once, and reports why it fails.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn check(settings: &StoreSettings) -> Result<(), StoreError> {
        connect::connect(settings).await.map(drop)
    }

    /// Returns the key for `kind` and `name` with the configured prefix. Only `name`
    /// determines the Redis Cluster hash slot. Replicas of two releases can share a store, so
    /// the key has the version of the value's format: another version is absent.
    #[must_use]
    pub fn key(&self, kind: &str, format_version: &str, name: &str) -> String {
        format!(
            "{}:{kind}:{format_version}:{{{name}}}",
            self.0.settings.prefix
        )
    }

    /// Waits until the store is connected. Dropping it has no effect.
    pub async fn up(&self) {
        let mut connection = self.0.connection.clone();
        // This cannot fail: the sender lives as long as this store.
        let _ = connection.wait_for(Option::is_some).await;
    }

    /// Runs a script at most once, and measures it as `operation`. If it is dropped, the
    /// script may still run.
    ///
    /// # Errors
    /// If the script did not run, or if that is unknown.
    pub async fn run<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        // Boxed, because callers that wait for something else would hold its memory too.
        let result = Box::pin(self.invoke(script)).await;
        let metrics = &self.0.metrics;
        metrics.called(operation, started.elapsed(), &result);
        result
    }

    async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let connection = self.0.connection.borrow().clone();
        let connection = connection.ok_or(StoreError::Down)?;
        connection.invoke(script, self.0.settings.timeout).await
    }
}

/// Connects, waits until the connection is lost, and reconnects.
async fn keep_connected(
    settings: StoreSettings,
    publish: watch::Sender<Option<Arc<StoreConnection>>>,
    metrics: StoreMetrics,
) {
    let mut backoff = Duration::ZERO;
    let outage = Condition::default();
    loop {
        sleep(backoff.mul_f64(fastrand::f64())).await;
        backoff = (backoff * 2).clamp(MIN_BACKOFF, MAX_BACKOFF);
        let mut message = "cannot connect to store";
        let error = match connect::connect(&settings).await {
            Ok(connection) => {
                let connection = Arc::new(StoreConnection::new(connection));
                publish.send_replace(Some(connection.clone()));
                metrics.set_up(true);
                if timeout(STABLE_AFTER, connection.lost()).await.is_err() {
                    (backoff, message) = (Duration::ZERO, "connection to store lost");
                    log_end(&outage, &connection, &settings).await;
                }
                let error = connection.lost().await;
                publish.send_replace(None);
                metrics.set_up(false);
                error
            }
            Err(error) => error,
        };
        if outage.begin(error.cause()) {
            warn!(store.url = settings.url, %error, "{message}");
        }
    }
}

/// Logs that the store is connected: after an outage once the connection has lasted, because
/// a slow store is lost and connected again and again.
async fn log_end(
    outage: &Condition<StoreError>,
    connection: &StoreConnection,
    settings: &StoreSettings,
) {
    if outage.holds() && timeout(QUIET, connection.lost()).await.is_ok() {
        return;
    }
    outage.end();
    info!(store.url = settings.url, "connected to store");
}

/// Returns the error with its message cut, and with control characters escaped, because the
/// message comes from the store.
fn store_error(error: &RedisError) -> StoreError {
    let text = error.to_string();
    let cut = &text[..text.floor_char_boundary(MAX_ERROR_BYTES)];
    let printable = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    StoreError::Failed(cut.chars().map(printable).collect())
}
