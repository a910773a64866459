//! Metrics of checks: their outcomes, when they start and finish, and the watches.
//!
//! A check is counted once on each replica that delivers its final result. For example, a
//! session is issued at 12:00:00, is seen as CREATED at :06, as IN_PROGRESS at :08 and :14,
//! and as SUCCEEDED at :16. Its check is taken to start at :07 and to finish at :15, in the
//! middle between two reads, so it took 8 s.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::{CheckFailure, SessionResult, Verdict};
use crate::model::{SESSION_LIFE, SessionStatus};

/// Bucket bounds in seconds, up to the life of a session.
const BUCKETS: [f64; 12] = [
    2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 45.0, 90.0, 180.0,
];

/// The outcomes of checks.
const OUTCOMES: [&str; 5] = [
    "passed",
    "failed",
    "below_minimum",
    "expired_unused",
    "unknown",
];

/// The metrics of checks. Clones share them.
#[derive(Clone, Debug)]
pub struct CheckMetrics {
    checks: Family<CheckLabels, Counter>,
    watchers: Gauge,
    start: Histogram,
    result: Histogram,
    duration: Histogram,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    outcome: &'static str,
}

/// When the states of one check were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CheckTimeline {
    created: Option<Instant>,
    started: Option<Instant>,
    in_progress: Option<Instant>,
    finished: Option<Instant>,
    is_counted: bool,
}

/// Counts a watch until it is dropped.
#[derive(Debug)]
pub(super) struct WatcherGuard(Gauge);

impl Drop for WatcherGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for CheckMetrics {
    fn default() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        Self {
            checks: Family::default(),
            watchers: Gauge::default(),
            start: histogram(),
            result: histogram(),
            duration: histogram(),
        }
    }
}

impl CheckMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // A series that starts at 1 has no increase.
        for outcome in OUTCOMES {
            let labels = CheckLabels { outcome };
            metrics.checks.get_or_create(&labels).inc_by(0);
        }
        registry.register(
            "livegate_checks",
            "Final results that were delivered, by outcome. expired_unused: the user never started; \
             unknown: without a minimum confidence, or expired in progress",
            metrics.checks.clone(),
        );
        registry.register(
            "livegate_watchers",
            "Watches in progress; more than results.max_watchers are refused",
            metrics.watchers.clone(),
        );
        for (name, help, histogram) in [
            (
                "livegate_check_start_seconds",
                "Time from the issue of a session to the start of its check",
                &metrics.start,
            ),
            (
                "livegate_check_result_seconds",
                "Time from the issue of a session to its final result",
                &metrics.result,
            ),
            (
                "livegate_check_duration_seconds",
                "Duration of checks, as watches see it; compare with checks.typical_duration",
                &metrics.duration,
            ),
        ] {
            registry.register(name, help, histogram.clone());
        }
        metrics
    }

    pub(super) fn start_watch(&self) -> WatcherGuard {
        self.watchers.inc();
        WatcherGuard(self.watchers.clone())
    }

    /// Records the times of a check that has just finished.
    pub(super) fn observe(&self, timeline: &CheckTimeline, expires_at: Instant) {
        let issued_at = expires_at.checked_sub(SESSION_LIFE);
        let (Some(issued_at), Some(finished)) = (issued_at, timeline.finished) else {
            return;
        };
        let seconds = |from: Instant, to: Instant| (to - from).as_secs_f64();
        self.result.observe(seconds(issued_at, finished));
        if let Some(started) = timeline.started {
            self.start.observe(seconds(issued_at, started));
            self.duration.observe(seconds(started, finished));
        }
    }

    /// Counts the check of a final result, once.
    pub(super) fn count(&self, timeline: &Mutex<CheckTimeline>, delivered: &SessionResult) {
        let mut timeline = timeline.lock();
        if !delivered.result.status.is_final() || std::mem::replace(&mut timeline.is_counted, true)
        {
            return;
        }
        let is_used = timeline.started.is_some();
        let outcome = match (delivered.result.status, delivered.verdict) {
            (SessionStatus::Expired, _) if !is_used => "expired_unused",
            (SessionStatus::Expired, _) => "unknown",
            (_, Some(Verdict::Passed)) => "passed",
            (_, Some(Verdict::Failed(CheckFailure::ConfidenceBelowMinimum))) => "below_minimum",
            (SessionStatus::Failed, _) | (_, Some(Verdict::Failed(_))) => "failed",
            (_, None | Some(Verdict::Pending)) => "unknown",
        };
        self.checks.get_or_create(&CheckLabels { outcome }).inc();
    }
}

impl CheckTimeline {
    /// Records a status, and returns whether the check has just finished. Expiry does not
    /// finish a check.
    pub(super) fn record(&mut self, status: SessionStatus, now: Instant) -> bool {
        let middle = |earlier: Option<Instant>| earlier.map(|at| at + (now - at) / 2);
        match status {
            SessionStatus::Created => self.created = Some(now),
            SessionStatus::InProgress => {
                self.started = self.started.or(Some(middle(self.created).unwrap_or(now)));
                self.in_progress = Some(now);
            }
            SessionStatus::Succeeded | SessionStatus::Failed if self.finished.is_none() => {
                let before = self.in_progress.or(self.created);
                self.finished = Some(middle(before).unwrap_or(now));
                return true;
            }
            SessionStatus::Succeeded
            | SessionStatus::Failed
            | SessionStatus::Expired
            | SessionStatus::Unknown => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_starts_and_finishes_in_the_middle_between_two_reads() {
        let issued = Instant::now();
        let after = |seconds| issued + Duration::from_secs(seconds);
        let mut timeline = CheckTimeline::default();
        for (seconds, status) in [
            (6, SessionStatus::Created),
            (8, SessionStatus::InProgress),
            (14, SessionStatus::InProgress),
        ] {
            assert!(!timeline.record(status, after(seconds)));
        }
        assert!(timeline.record(SessionStatus::Succeeded, after(16)));
        assert!(!timeline.record(SessionStatus::Succeeded, after(18)));
        let times = (timeline.started, timeline.finished);
        assert_eq!(times, (Some(after(7)), Some(after(15))));
    }
}
