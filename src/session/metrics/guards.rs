//! Guards that count an attempt when they are dropped, also if its caller gives up.

use std::time::Duration;

use tokio::time::Instant;

use super::labels::{AwsCodeLabel, OutcomeLabel};
use super::{AttemptLabels, AttemptMetrics, ErrorLabels, OperationLabel, OperationMetrics};
use crate::model::CallerId;
use crate::upstream::UpstreamError;

/// AWS usually answers much faster. An attempt that is given up later is attributed to a slow
/// AWS, an earlier one to the caller's short deadline.
const HUNG_AFTER: Duration = Duration::from_secs(1);

/// An attempt that has a permit. Counts it as not sent when dropped, unless it starts.
pub(in crate::session) struct UnsentGuard<'a> {
    pub(super) metrics: &'a OperationMetrics,
    pub(super) started: bool,
}

impl UnsentGuard<'_> {
    /// Starts the attempt of `caller` with this number. It ends when the guard is dropped.
    pub(in crate::session) fn start(mut self, caller: &CallerId, number: u32) -> AttemptGuard {
        self.started = true;
        self.metrics.start_attempt(caller, number)
    }
}

impl Drop for UnsentGuard<'_> {
    fn drop(&mut self) {
        if !self.started {
            let not_sent = &self.metrics.metrics.not_sent;
            not_sent.get_or_create(&self.metrics.label()).inc();
        }
    }
}

/// Counts its attempt when dropped. Without a call of `finish`, the caller gave up: the
/// outcome is cancelled or hung.
pub(in crate::session) struct AttemptGuard {
    pub(super) metrics: AttemptMetrics,
    pub(super) labels: AttemptLabels,
    pub(super) started: Instant,
}

impl AttemptGuard {
    pub(in crate::session) fn finish(
        mut self,
        outcome: OutcomeLabel,
        error: Option<&UpstreamError>,
    ) {
        self.labels.outcome = outcome;
        if let Some(error) = error {
            let labels = ErrorLabels {
                operation: self.labels.operation,
                aws_code: AwsCodeLabel::of(error),
            };
            self.metrics.errors.get_or_create(&labels).inc();
        }
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        let label = OperationLabel {
            operation: self.labels.operation,
        };
        let duration = self.started.elapsed();
        match self.labels.outcome {
            OutcomeLabel::Deadline | OutcomeLabel::Cancelled if duration > HUNG_AFTER => {
                self.labels.outcome = OutcomeLabel::Hung;
            }
            _ => {}
        }
        self.metrics.attempts.get_or_create(&self.labels).inc();
        let durations = self.metrics.durations.get_or_create(&label);
        durations.observe(duration.as_secs_f64());
    }
}
