//! The JWKS cache: the keys that verify tokens, refreshed in the background.
//!
//! One task reads the source; calls use the keys that it last loaded. A file is read
//! every second. A URL is fetched once per refresh interval, ten seconds after a
//! failure, and when a token has an unknown `kid`. Fetches start at least ten seconds
//! apart, no matter how many such tokens arrive. If a read fails, the previous keys stay
//! in use.
//!
//! For example, the interval is 10 min, and the issuer starts to sign with the `kid`
//! `b` at 12:03:00. The first token signed with `b` waits 40 ms for a fetch, and others that
//! arrive meanwhile wait for the same fetch ([single flight]). A forged token with the
//! `kid` `c` at 12:03:01 is refused at once and triggers no fetch. From 12:03:10 on, the
//! next such token triggers one.
//!
//! [single flight]: https://pkg.go.dev/golang.org/x/sync/singleflight

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info};

use super::jwks_source::JwksError;
use super::key_set::KeySet;
use super::metrics::AuthMetrics;
use super::settings::{JwksSource, JwtSettings};
use crate::change::Condition;

const FILE_READ_INTERVAL: Duration = Duration::from_secs(1);

/// The minimum time between the starts of two fetches.
const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(10);

/// How long a call waits for a refresh.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many calls may wait for a refresh; each occupies one of the service's concurrent
/// requests.
const MAX_WAITERS: usize = 100;

/// The keys that were loaded last.
#[derive(Debug)]
pub(super) struct JwksCache {
    source: JwksSource,
    refresh_interval: Duration,
    current: ArcSwapOption<KeySet>,
    refresh_requested: Notify,
    state: watch::Sender<RefreshState>,
    waiters: Semaphore,
    metrics: AuthMetrics,
}

/// The progress of the refresh task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefreshState {
    /// The first read has not ended.
    First,
    /// A later read is under way.
    Running,
    /// The last read, which started at this time, has ended.
    Done(Instant),
}

/// What the refresh task keeps from one read to the next.
#[derive(Default)]
struct RefreshTaskState {
    /// The last content that was loaded.
    content: Option<Vec<u8>>,
    failure: Condition<String>,
}

impl JwksCache {
    pub(super) fn new(settings: &JwtSettings, metrics: AuthMetrics) -> Self {
        Self {
            source: settings.source.clone(),
            refresh_interval: settings.refresh_interval,
            current: ArcSwapOption::empty(),
            refresh_requested: Notify::new(),
            state: watch::Sender::new(RefreshState::First),
            waiters: Semaphore::new(MAX_WAITERS),
            metrics,
        }
    }

    /// Returns the keys, if any have been loaded.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.current.load_full()
    }

    /// Returns the current keys if they differ from `seen`. Otherwise requests a refresh
    /// and waits for it, up to the wait timeout. Returns `None` at once if too many calls
    /// wait already, or if the last fetch is too recent. Dropping the future does not
    /// cancel the refresh.
    pub(super) async fn newer_than(&self, seen: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        let mut states = self.state.subscribe();
        let state = *states.borrow_and_update();
        if let Some(newer) = self.other_than(seen) {
            return Some(newer);
        }
        if let RefreshState::Done(started) = state {
            if !self.may_refresh(started) {
                return None;
            }
            self.refresh_requested.notify_one();
        }
        let _permit = self.waiters.try_acquire().ok()?;
        let is_over =
            |current: &RefreshState| matches!(current, RefreshState::Done(_)) && *current != state;
        // Whether the refresh ended or the wait timed out, use the keys that are loaded now.
        let _ = timeout(WAIT_TIMEOUT, states.wait_for(is_over)).await;
        self.other_than(seen)
    }

    fn other_than(&self, seen: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        let keys = self.keys()?;
        let same = seen.is_some_and(|seen| Arc::ptr_eq(seen, &keys));
        (!same).then_some(keys)
    }

    /// Whether a call may request a refresh, when the last one started at `started`. A
    /// file is read often enough without requests.
    fn may_refresh(&self, started: Instant) -> bool {
        match self.source {
            JwksSource::File(_) => false,
            JwksSource::Url { .. } => started.elapsed() >= MIN_FETCH_INTERVAL,
        }
    }

    /// Reads the source forever. Dropping the future leaves the keys as they are.
    pub(super) async fn refresh(&self) {
        let mut memory = RefreshTaskState::default();
        loop {
            let started = Instant::now();
            let read = self.source.read().await;
            let next_fetch = match self.load(read, &mut memory) {
                Ok(()) => self.refresh_interval,
                Err(error) => {
                    self.report(&error, &memory);
                    MIN_FETCH_INTERVAL
                }
            };
            self.state.send_replace(RefreshState::Done(started));
            let interval = match self.source {
                JwksSource::File(_) => FILE_READ_INTERVAL,
                JwksSource::Url { .. } => next_fetch,
            };
            self.wait_for_next(started, interval).await;
            self.state.send_replace(RefreshState::Running);
        }
    }

    /// Replaces the keys with those that were read, if the content has changed.
    fn load(
        &self,
        read: Result<Vec<u8>, JwksError>,
        memory: &mut RefreshTaskState,
    ) -> Result<(), JwksError> {
        let content = read?;
        if memory.content.as_ref() == Some(&content) {
            self.metrics.jwks_unchanged(&self.source);
        } else {
            let keys = KeySet::parse(&content)?;
            info!(auth.jwks = %self.source, auth.keys = keys.len(), "JWKS loaded");
            self.current.store(Some(Arc::new(keys)));
            memory.content = Some(content);
            self.metrics.jwks_changed(&self.source);
        }
        if memory.failure.end() {
            info!(auth.jwks = %self.source, "JWKS refresh recovered");
        }
        Ok(())
    }

    fn report(&self, error: &JwksError, memory: &RefreshTaskState) {
        self.metrics.jwks_failed();
        let error = error.to_string();
        if !memory.failure.begin(error.clone()) {
            return;
        }
        match self.keys() {
            Some(_) => error!(
                auth.jwks = %self.source, error,
                "JWKS refresh failed, keeping previous keys"
            ),
            None => error!(
                auth.jwks = %self.source, error,
                "JWKS not loaded, all tokens are refused"
            ),
        }
    }

    /// Waits until `interval` after `started`, or until a call requests a refresh.
    async fn wait_for_next(&self, started: Instant, interval: Duration) {
        let due = sleep_until(started + interval);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => return,
                () = self.refresh_requested.notified() => {
                    // This notification may be left over from before the last read.
                    if self.may_refresh(started) {
                        return;
                    }
                }
            }
        }
    }
}
