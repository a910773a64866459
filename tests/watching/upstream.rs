//! A scripted AWS with checks of random times, and a quota of 25 calls a second.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use livegate::model::{
    ClientRequestToken, LivenessResult, SessionId, SessionSettings, SessionStatus,
};
use livegate::upstream::{AttemptOutput, LivenessApi, UpstreamError, UpstreamErrorKind};
use tokio::time::{Instant, sleep};

pub(crate) const QUOTA: f64 = 25.0;

/// The share of sessions whose user never starts.
const UNUSED: f64 = 0.3;

/// The check of one session.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    /// Unset: the user never starts.
    started_at: Option<Instant>,
    finished_at: Instant,
    pub(crate) expires_at: Instant,
}

/// The sessions, and the bucket of the quota.
pub(crate) struct Upstream {
    checks: HashMap<SessionId, Check>,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    filled_at: Instant,
    calls: usize,
    throttled: usize,
}

impl Check {
    /// Returns a check of a session that is issued at `now`.
    pub(crate) fn issued_at(now: Instant, rng: &mut fastrand::Rng) -> Self {
        let started_at = now + Duration::from_secs_f64(2.0 + 18.0 * rng.f64());
        let finished_at = started_at + Duration::from_secs_f64(5.0 + 6.0 * rng.f64());
        Self {
            started_at: (rng.f64() >= UNUSED).then_some(started_at),
            finished_at,
            expires_at: now + Duration::from_secs(180),
        }
    }

    /// Returns when the check finishes, if its user starts it.
    pub(crate) fn finished_at(&self) -> Option<Instant> {
        self.started_at.map(|_| self.finished_at)
    }

    fn status(&self, now: Instant) -> SessionStatus {
        match self.started_at {
            _ if now >= self.expires_at => SessionStatus::Expired,
            Some(_) if now >= self.finished_at => SessionStatus::Succeeded,
            Some(started_at) if now >= started_at => SessionStatus::InProgress,
            _ => SessionStatus::Created,
        }
    }
}

impl Upstream {
    pub(crate) fn new(checks: HashMap<SessionId, Check>) -> Self {
        let bucket = Bucket {
            tokens: QUOTA / 5.0,
            filled_at: Instant::now(),
            calls: 0,
            throttled: 0,
        };
        Self {
            checks,
            bucket: Mutex::new(bucket),
        }
    }

    /// Returns the calls, and how many of them were throttled.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let bucket = self.bucket.lock().unwrap();
        (bucket.calls, bucket.throttled)
    }

    fn take_token(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap();
        let now = Instant::now();
        let filled = (now - bucket.filled_at).as_secs_f64() * QUOTA;
        bucket.tokens = (bucket.tokens + filled).min(QUOTA / 5.0);
        bucket.filled_at = now;
        bucket.calls += 1;
        let is_allowed = bucket.tokens >= 1.0;
        if is_allowed {
            bucket.tokens -= 1.0;
        } else {
            bucket.throttled += 1;
        }
        is_allowed
    }
}

impl LivenessApi for Upstream {
    async fn create(
        &self,
        _: &ClientRequestToken,
        _: &SessionSettings,
    ) -> Result<AttemptOutput<SessionId>, UpstreamError> {
        unreachable!("the sessions exist")
    }

    async fn result(
        &self,
        session: &SessionId,
    ) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        if !self.take_token() {
            return Err(UpstreamError::bare(UpstreamErrorKind::Throttled));
        }
        let status = self.checks[session].status(Instant::now());
        sleep(Duration::from_millis(fastrand::u64(50..300))).await;
        Ok(AttemptOutput {
            value: LivenessResult {
                confidence: (status == SessionStatus::Succeeded).then_some(97.5),
                ..LivenessResult::of_status(*session, status)
            },
            aws_request_id: None,
        })
    }
}
