//! An upstream with a token bucket, as AWS is assumed to have, and another tenant that
//! uses it.
//!
//! A call takes its quota token at arrival. Without a token the call is throttled after
//! 10 ms; with one the response takes 50-300 ms, uniformly distributed. The session is
//! created at arrival, whether or not the client waits for the response. The same
//! client request token always gets the same session.

use std::collections::HashMap;
use std::ops::Add;
use std::time::Duration;

use livegate::model::{ClientRequestToken, LivenessResult, SessionId, SessionSettings};
use livegate::upstream::{AttemptOutput, LivenessApi, UpstreamError, UpstreamErrorKind};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

const THROTTLED_AFTER: Duration = Duration::from_millis(10);
const SERVICE_MS: std::ops::Range<u64> = 50..300;

/// The counters of the simulated AWS.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Our calls that returned a session.
    pub(crate) sessions: u64,
    /// Those whose client request token had a session already.
    pub(crate) repeated: u64,
    /// Our calls that were throttled.
    pub(crate) throttled: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            repeated: self.repeated + other.repeated,
            throttled: self.throttled + other.throttled,
        }
    }
}

/// A simulated AWS account.
pub(crate) struct Upstream(Mutex<State>);

struct State {
    rate: f64,
    depth: f64,
    level: f64,
    at: Instant,
    random: fastrand::Rng,
    sessions: HashMap<ClientRequestToken, SessionId>,
    counts: Counts,
}

impl Upstream {
    /// An account with a quota of `rate` calls a second, whose bucket is full.
    pub(crate) fn new(rate: f64, depth: f64, seed: u64) -> Self {
        Self(Mutex::new(State {
            rate,
            depth,
            level: depth,
            at: Instant::now(),
            random: fastrand::Rng::with_seed(seed),
            sessions: HashMap::new(),
            counts: Counts::default(),
        }))
    }

    /// Returns the counters.
    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// Runs another tenant of the account: `rate` calls a second at random intervals,
    /// without retries. Never returns.
    pub(crate) async fn other_tenant(&self, rate: f64, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut at = Instant::now();
        loop {
            at += interval(&mut random, rate);
            sleep_until(at).await;
            self.0.lock().take();
        }
    }
}

impl State {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        let refilled = (now - self.at).as_secs_f64() * self.rate;
        self.level = (self.level + refilled).min(self.depth);
        self.at = now;
        let covered = self.level >= 1.0;
        if covered {
            self.level -= 1.0;
        }
        covered
    }

    fn session_of(&mut self, token: &ClientRequestToken) -> SessionId {
        let number = self.sessions.len();
        let create = || SessionId::parse(&format!("00000000-0000-4000-8000-{number:012x}"));
        let entry = self.sessions.entry(token.clone());
        *entry.or_insert_with(|| create().expect("a UUID"))
    }
}

impl LivenessApi for Upstream {
    async fn create(
        &self,
        token: &ClientRequestToken,
        _: &SessionSettings,
    ) -> Result<AttemptOutput<SessionId>, UpstreamError> {
        let service = {
            let mut state = self.0.lock();
            if state.take() {
                state.counts.sessions += 1;
                state.counts.repeated += u64::from(state.sessions.contains_key(token));
                let session = state.session_of(token);
                Some((session, Duration::from_millis(state.random.u64(SERVICE_MS))))
            } else {
                state.counts.throttled += 1;
                None
            }
        };
        let Some((session, service)) = service else {
            sleep(THROTTLED_AFTER).await;
            return Err(UpstreamError::bare(UpstreamErrorKind::Throttled));
        };
        sleep(service).await;
        Ok(AttemptOutput {
            value: session,
            aws_request_id: None,
        })
    }

    async fn result(&self, _: &SessionId) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        Err(UpstreamError::bare(UpstreamErrorKind::SessionNotFound))
    }
}

/// Returns the time to the next event of a Poisson process with `rate` events a second.
pub(crate) fn interval(random: &mut fastrand::Rng, rate: f64) -> Duration {
    Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate)
}
