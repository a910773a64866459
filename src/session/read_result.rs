//! Reads session results, once or until the check has finished: ownership and verdicts.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::attempts::AttemptPolicy;
use super::poll_schedule::PollTarget;
use super::poller::{self, Polls};
use super::result_source::ResultSource;
use super::watch_limit::WatchLimit;
use super::{
    CheckMetrics, Ownership, Progress, ResultRequest, SessionError, SessionResult,
    TokenRequirement, Watch,
};
use crate::model::Operation;
use crate::upstream::LivenessApi;

/// The limits of watches, and the metrics of checks.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// The most watches at once.
    pub max_watchers: u32,
    /// Whether each caller has a share of them. Without authentication all callers are one,
    /// which needs none.
    pub has_shares: bool,
    /// The shortest and the longest time between two polls of a session.
    pub poll_interval: RangeInclusive<Duration>,
    /// The metrics of checks.
    pub metrics: CheckMetrics,
}

impl Default for WatchSettings {
    /// 2000 watches, shared by callers, polls every 1 to 60 s.
    fn default() -> Self {
        Self {
            max_watchers: 2000,
            has_shares: true,
            poll_interval: Duration::from_secs(1)..=Duration::from_secs(60),
            metrics: CheckMetrics::default(),
        }
    }
}

/// Reads results within a quota of their own.
pub struct ResultReader<A> {
    source: Arc<ResultSource<A>>,
    ownership: Ownership,
    token_requirement: TokenRequirement,
    watch_limit: Arc<WatchLimit>,
    drain: CancellationToken,
    /// The task that polls for the watches, from the first one on.
    poller: OnceLock<AbortOnDropHandle<()>>,
}

impl<A: LivenessApi> ResultReader<A> {
    /// Returns a reader that calls `api` for requests which pass `ownership`.
    pub fn new(
        api: Arc<A>,
        attempts: AttemptPolicy,
        ownership: Ownership,
        token_requirement: TokenRequirement,
        watches: &WatchSettings,
    ) -> Self {
        let polls = Polls::new(watches.poll_interval.clone());
        Self {
            source: Arc::new(ResultSource::new(
                api,
                attempts,
                polls,
                watches.metrics.clone(),
            )),
            ownership,
            token_requirement,
            watch_limit: Arc::new(WatchLimit::new(watches.max_watchers, watches.has_shares)),
            drain: CancellationToken::new(),
            poller: OnceLock::new(),
        }
    }

    /// Ends all watches when `drain` is cancelled.
    #[must_use]
    pub fn until(self, drain: CancellationToken) -> Self {
        Self { drain, ..self }
    }

    /// Returns whether requests need a result token.
    pub fn token_requirement(&self) -> TokenRequirement {
        self.token_requirement
    }

    /// Reads the result of the session, and updates `progress`. A read changes nothing, so
    /// its future can be dropped at any point.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn read(
        &self,
        request: &ResultRequest,
        progress: &mut Progress,
    ) -> Result<SessionResult, SessionError> {
        let expires_at = self.ownership.check(request, self.token_requirement)?;
        let flight = self.source.join(&request.session, expires_at);
        let read = self.source.read(request, &flight, progress);
        let read = request.permissions.while_allowed(Operation::Results, read);
        let answer = match read.await {
            Err(SessionError::DeadlineExceeded) if progress.attempts > 0 => {
                return Err(SessionError::DeadlineExceededUpstream);
            }
            answer => answer?,
        };
        progress.answered(request.session, answer.aws_request_id.clone());
        let result = request.judge(answer.result.clone());
        self.source.metrics.count(&flight.timeline, &result);
        Ok(result)
    }

    /// Watches the session until its check has finished or it expires.
    ///
    /// # Errors
    /// If the request does not pass ownership, the process shuts down, or there are
    /// [`WatchSettings::max_watchers`] or the caller's share of them already.
    pub fn watch(&self, request: &ResultRequest) -> Result<Watch, SessionError> {
        let expires_at = self.ownership.check(request, self.token_requirement)?;
        if self.drain.is_cancelled() {
            return Err(SessionError::SHUTTING_DOWN);
        }
        let place = self.watch_limit.acquire(&request.caller)?;
        let run = || AbortOnDropHandle::new(tokio::spawn(poller::run(self.source.clone())));
        self.poller.get_or_init(run);
        let flight = self.source.join(&request.session, expires_at);
        flight.request(request.image_bytes);
        let polls = self.source.polls.add(PollTarget {
            session: request.session,
            caller: request.caller.clone(),
            expires_at: flight.expires_at,
        });
        let metrics = self.source.metrics.clone();
        let guards = (polls, place, metrics.start_watch());
        Ok(Watch::new(
            request,
            flight,
            self.drain.clone(),
            metrics,
            guards,
        ))
    }
}
