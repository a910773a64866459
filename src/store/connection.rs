//! One connection in use: its calls, and whether it is lost.
//!
//! A call reports the loss of the connection that it used, and of no other: a late error of
//! the previous connection does not end the present one.

use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisError, ScriptInvocation};
use tokio::sync::SetOnce;
use tokio::time::{Instant, timeout};

use super::{StoreError, store_error};

/// A connection without a response for this many timeouts is closed.
const MAX_SILENT_TIMEOUTS: u32 = 4;

/// The codes of errors that concern every call: the server accepts no writes, or the login
/// is not valid any more.
const FATAL_CODES: [&str; 11] = [
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "WRONGPASS",
];

/// A connection and its condition.
pub(super) struct StoreConnection {
    connection: MultiplexedConnection,
    /// When the first of the calls that timed out started, if no call has received a
    /// response since.
    silent_since: Mutex<Option<Instant>>,
    lost: SetOnce<StoreError>,
}

impl StoreConnection {
    pub(super) fn new(connection: MultiplexedConnection) -> Self {
        Self {
            connection,
            silent_since: Mutex::new(None),
            lost: SetOnce::new(),
        }
    }

    /// Waits until a call has found the connection lost, and returns the error of the first
    /// such call. Dropping it has no effect.
    pub(super) async fn lost(&self) -> StoreError {
        self.lost.wait().await.clone()
    }

    /// Runs a script at most once. If it is dropped, the script may still run.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        call_timeout: Duration,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        let response = timeout(call_timeout, script.invoke_async(&mut connection)).await;
        let error = match response {
            Ok(Err(error)) if !error.is_timeout() => error,
            Ok(Ok(value)) => {
                self.on_response();
                return Ok(value);
            }
            Ok(Err(_)) | Err(_) => {
                self.on_timeout(call_timeout, Instant::now());
                return Err(StoreError::Slow(call_timeout));
            }
        };
        self.on_response();
        let is_fatal = is_fatal(&error);
        let error = store_error(&error);
        if is_fatal {
            self.report_lost(error.clone());
        }
        Err(error)
    }

    fn on_response(&self) {
        *self.silent_since.lock() = None;
    }

    /// A single timeout keeps the connection. If no call has received a response for
    /// several timeouts, the connection is considered dead.
    fn on_timeout(&self, call_timeout: Duration, now: Instant) {
        let call_started = now.checked_sub(call_timeout).unwrap_or(now);
        let mut since = self.silent_since.lock();
        let silent = now - *since.get_or_insert(call_started);
        if silent >= call_timeout * MAX_SILENT_TIMEOUTS {
            self.report_lost(StoreError::Slow(silent));
        }
    }

    fn report_lost(&self, error: StoreError) {
        // The first error counts.
        let _ = self.lost.set(error);
    }
}

/// Whether the error makes the connection useless: it broke, or the server no longer
/// accepts writes.
fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Io
        || error.code().is_some_and(|code| FATAL_CODES.contains(&code))
}
