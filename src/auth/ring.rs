//! The ring of keys: what was read last, read again when it may have changed.
//!
//! One task reads (it *follows* the source), everyone else looks at what it left. A
//! file is read each second. A URL is fetched at each refresh interval, after a
//! failure each ten seconds, and when a token names a key that nobody knows: then at
//! most each ten seconds, whoever sends how many such tokens. What was read stays
//! when a reading fails.
//!
//! An example: the interval is 10 min, and the issuer begins to sign with `b` at
//! 12:03:00. The first token of `b` waits for a fetch, 40 ms; the others of that
//! moment wait for the same one. A forged token of `c` at 12:03:01 is refused at
//! once, one at 12:03:10 costs the next fetch.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info};

use super::keys::KeySet;
use super::metrics::AuthMetrics;
use super::settings::{JwksSource, JwtSettings};
use super::source::ReadError;

/// How often a file is read.
const FILE_EACH: Duration = Duration::from_secs(1);

/// The least time between the beginnings of two fetches.
const FETCH_AT_MOST_EACH: Duration = Duration::from_secs(10);

/// How long a call waits for a reading.
const WAIT: Duration = Duration::from_secs(2);

/// How many calls may wait for one: each has a place that others want too.
const WAITERS: usize = 100;

/// The keys, as they were read last.
#[derive(Debug)]
pub(super) struct KeyRing {
    source: JwksSource,
    refresh_interval: Duration,
    current: ArcSwapOption<KeySet>,
    asked: Notify,
    round: watch::Sender<Round>,
    waiters: Semaphore,
    metrics: AuthMetrics,
}

/// How far the readings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// None has ended yet.
    First,
    /// The next one is under way.
    Running,
    /// The one that began then has ended.
    AttemptError(Instant),
}

/// What the follower remembers from one reading to the next.
#[derive(Default)]
struct Memory {
    /// What was read last, once something was.
    content: Option<Vec<u8>>,
    /// What was told of the last failure; nothing is told twice.
    told: Option<String>,
}

impl KeyRing {
    pub(super) fn new(settings: &JwtSettings, metrics: AuthMetrics) -> Self {
        Self {
            source: settings.source.clone(),
            refresh_interval: settings.refresh_interval,
            current: ArcSwapOption::empty(),
            asked: Notify::new(),
            round: watch::Sender::new(Round::First),
            waiters: Semaphore::new(WAITERS),
            metrics,
        }
    }

    /// The keys, once there are any.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.current.load_full()
    }

    /// Other keys than `seen`, where a reading brings some soon and not too many wait
    /// for it. Dropped half way, it does not hold the reading up.
    pub(super) async fn newer_than(&self, seen: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        let mut rounds = self.round.subscribe();
        let round = *rounds.borrow_and_update();
        if let Some(newer) = self.other_than(seen) {
            return Some(newer);
        }
        if let Round::AttemptError(begun) = round {
            if !self.may_ask(begun) {
                return None;
            }
            self.asked.notify_one();
        }
        let _place = self.waiters.try_acquire().ok()?;
        let is_over = |now: &Round| matches!(now, Round::AttemptError(_)) && *now != round;
        // In time or not: what is there by then decides.
        let _ = timeout(WAIT, rounds.wait_for(is_over)).await;
        self.other_than(seen)
    }

    fn other_than(&self, seen: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        let keys = self.keys()?;
        let same = seen.is_some_and(|seen| Arc::ptr_eq(seen, &keys));
        (!same).then_some(keys)
    }

    /// A file is read so often that nobody needs to ask.
    fn may_ask(&self, begun: Instant) -> bool {
        match self.source {
            JwksSource::File(_) => false,
            JwksSource::Url { .. } => begun.elapsed() >= FETCH_AT_MOST_EACH,
        }
    }

    /// Reads for ever. Dropped half way, the keys stay as they are.
    pub(super) async fn follow(&self) {
        let mut memory = Memory::default();
        loop {
            let begun = Instant::now();
            let read = self.source.read().await;
            let fetch_again = match self.take(read, &mut memory) {
                Ok(()) => self.refresh_interval,
                Err(problem) => {
                    self.tell(&problem, &mut memory);
                    FETCH_AT_MOST_EACH
                }
            };
            self.round.send_replace(Round::AttemptError(begun));
            let pause = match self.source {
                JwksSource::File(_) => FILE_EACH,
                JwksSource::Url { .. } => fetch_again,
            };
            self.rest(begun, pause).await;
            self.round.send_replace(Round::Running);
        }
    }

    /// Makes what was read the keys.
    fn take(&self, read: Result<Vec<u8>, ReadError>, memory: &mut Memory) -> Result<(), ReadError> {
        let content = read?;
        if memory.content.as_ref() == Some(&content) {
            self.metrics.keys_stayed(&self.source);
        } else {
            let keys = KeySet::parse(&content)?;
            info!(auth.jwks = %self.source, auth.keys = keys.len(), "keys of tokens read");
            self.current.store(Some(Arc::new(keys)));
            memory.content = Some(content);
            self.metrics.keys_changed(&self.source);
        }
        if memory.told.take().is_some() {
            info!(auth.jwks = %self.source, "keys of tokens can be read again");
        }
        Ok(())
    }

    fn tell(&self, problem: &ReadError, memory: &mut Memory) {
        self.metrics.keys_failed();
        let problem = problem.to_string();
        if memory.told.as_ref() == Some(&problem) {
            return;
        }
        match self.keys() {
            Some(_) => error!(
                auth.jwks = %self.source, problem,
                "keys of tokens not read: the ones before stay"
            ),
            None => error!(
                auth.jwks = %self.source, problem,
                "keys of tokens not read: nobody is authenticated"
            ),
        }
        memory.told = Some(problem);
    }

    /// Waits for `pause` from `begun` on, or until somebody asks who may.
    async fn rest(&self, begun: Instant, pause: Duration) {
        let due = sleep_until(begun + pause);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => return,
                () = self.asked.notified() => {
                    // The wish may be older than the reading that met it.
                    if self.may_ask(begun) {
                        return;
                    }
                }
            }
        }
    }
}
