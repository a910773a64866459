//! The JWKS cache: the keys that verify tokens, refreshed in the background.
//!
//! One task reads the source; calls use the keys that it last loaded. A file is read
//! every second. A URL is fetched once per refresh interval, ten seconds after a
//! failure, and when a token has an unknown `kid`. Such tokens cause three fetches at
//! once and then one in ten seconds, however many arrive. If a read fails, the previous
//! keys stay in use. Keys that a read no longer has are removed, also the last one.
//!
//! For example, the interval is 10 min, and the issuer starts to sign with the `kid`
//! `b` at 12:03:00. The first token signed with `b` waits 40 ms for a fetch, and others that
//! arrive meanwhile wait for the same fetch ([single flight]). Forged tokens with the
//! `kid` `c` cause two more fetches. The next one is not refused but deferred, because its
//! key may be newer than the last fetch: its caller is asked to retry at 12:03:10.
//!
//! [single flight]: https://pkg.go.dev/golang.org/x/sync/singleflight

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::jwks_source::JwksError;
use super::key_set::KeySet;
use super::metrics::AuthMetrics;
use super::settings::{JwksSource, JwtSettings};
use crate::change::Condition;
use crate::model::TokenBucket;

const FILE_READ_INTERVAL: Duration = Duration::from_secs(1);

/// The delay after a failed fetch, and the time after which unknown keys may cause one more.
const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(10);

/// The most fetches that unknown keys cause at once.
const FETCH_BURST: f64 = 3.0;

/// The retry delay of a call whose fetch failed or did not start.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long a call waits for a refresh.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many calls may wait for a refresh. They have no caller yet, so no other limit of
/// concurrent requests counts them.
const MAX_WAITERS: usize = 100;

/// The keys that were loaded last.
#[derive(Debug)]
pub(super) struct JwksCache {
    source: JwksSource,
    refresh_interval: Duration,
    current: ArcSwapOption<KeySet>,
    refresh_requested: Notify,
    /// The fetches that unknown keys may cause.
    fetches: Mutex<TokenBucket>,
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
    Done { started: Instant, succeeded: bool },
}

/// What a refresh brings for a token with an unknown key.
#[derive(Debug)]
pub(super) enum Refreshed {
    /// Other keys.
    Newer(Arc<KeySet>),
    /// No other keys: the source has been read since the token arrived.
    Current,
    /// Nothing yet: another read is possible after this delay.
    Pending(Duration),
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
            fetches: Mutex::new(TokenBucket::full(
                1.0 / MIN_FETCH_INTERVAL.as_secs_f64(),
                FETCH_BURST,
                Instant::now(),
            )),
            state: watch::Sender::new(RefreshState::First),
            waiters: Semaphore::new(MAX_WAITERS),
            metrics,
        }
    }

    /// Returns the keys, if any have been loaded.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.current.load_full()
    }

    /// Waits until keys were read for the first time.
    pub(super) async fn first_read(&self) {
        let mut states = self.state.subscribe();
        // The sender is part of `self`, so this ends only with keys.
        let _ = states.wait_for(|_| self.keys().is_some()).await;
    }

    /// Returns the current keys if they differ from `seen`. Otherwise requests a refresh, if
    /// one is allowed, and waits for it, up to the wait timeout. Dropping the future does not
    /// cancel the refresh.
    pub(super) async fn newer_than(&self, seen: Option<&Arc<KeySet>>) -> Refreshed {
        let mut states = self.state.subscribe();
        let state = *states.borrow_and_update();
        if let Some(newer) = self.other_than(seen) {
            return Refreshed::Newer(newer);
        }
        if let RefreshState::Done { .. } = state {
            if let JwksSource::File(_) = self.source {
                // It is read often enough without requests.
                return Refreshed::Current;
            }
            if let Err(delay) = self.take_fetch(Instant::now()) {
                return Refreshed::Pending(delay);
            }
            self.refresh_requested.notify_one();
        }
        let Ok(_permit) = self.waiters.try_acquire() else {
            return Refreshed::Pending(RETRY_DELAY);
        };
        let is_over = |current: &RefreshState| {
            matches!(current, RefreshState::Done { .. }) && *current != state
        };
        let ended = timeout(WAIT_TIMEOUT, states.wait_for(is_over)).await;
        let ended = ended.ok().and_then(Result::ok).map(|ended| *ended);
        match (self.other_than(seen), ended) {
            (Some(newer), _) => Refreshed::Newer(newer),
            (None, Some(RefreshState::Done { succeeded, .. })) if succeeded => Refreshed::Current,
            (None, _) => Refreshed::Pending(RETRY_DELAY),
        }
    }

    /// Takes one of the fetches that unknown keys may cause, or returns how long until the
    /// next one.
    fn take_fetch(&self, now: Instant) -> Result<(), Duration> {
        let mut fetches = self.fetches.lock();
        if fetches.try_take(now) {
            return Ok(());
        }
        let missing = 1.0 - fetches.level(now);
        Err(MIN_FETCH_INTERVAL.mul_f64(missing.clamp(0.0, 1.0)))
    }

    fn other_than(&self, seen: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        let keys = self.keys()?;
        let same = seen.is_some_and(|seen| Arc::ptr_eq(seen, &keys));
        (!same).then_some(keys)
    }

    /// Reads the source forever. Dropping the future leaves the keys as they are.
    pub(super) async fn refresh(&self) {
        let mut memory = RefreshTaskState::default();
        loop {
            let started = Instant::now();
            let read = self.source.read().await;
            let loaded = self.load(read, &mut memory);
            let succeeded = loaded.is_ok();
            let next_fetch = match loaded {
                Ok(()) => self.refresh_interval,
                Err(error) => {
                    self.report(&error, &memory);
                    MIN_FETCH_INTERVAL
                }
            };
            self.state
                .send_replace(RefreshState::Done { started, succeeded });
            let interval = match self.source {
                JwksSource::File(_) => FILE_READ_INTERVAL,
                JwksSource::Url { .. } => next_fetch,
            };
            tokio::select! {
                () = sleep_until(started + interval) => {}
                () = self.refresh_requested.notified() => {}
            }
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
            self.metrics.jwks_fetched("unchanged");
        } else {
            let keys = KeySet::parse(&content)?;
            for skipped in &keys.skipped {
                warn!(
                    auth.jwks = %self.source,
                    auth.key = skipped.key,
                    "key of the JWKS skipped: {}", skipped.problem
                );
            }
            info!(auth.jwks = %self.source, auth.keys = keys.len(), "JWKS loaded");
            self.current.store(Some(Arc::new(keys)));
            memory.content = Some(content);
            self.metrics.jwks_fetched("changed");
        }
        self.metrics.jwks_read(&self.source);
        if memory.failure.end() {
            info!(auth.jwks = %self.source, "JWKS refresh recovered");
        }
        Ok(())
    }

    fn report(&self, error: &JwksError, memory: &RefreshTaskState) {
        self.metrics.jwks_fetched("failed");
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
                "JWKS not loaded, not ready"
            ),
        }
    }
}
