//! Metrics of attempts: their outcomes and durations, the waits for permits, and refusals.

mod guards;
mod labels;

use std::collections::HashSet;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use tokio::time::Instant;

pub(super) use self::guards::{AttemptGuard, UnsentGuard};
use self::labels::{AttemptLabel, AwsCodeLabel};
pub(super) use self::labels::{OutcomeLabel, RefusalLabel};
use super::caller_metrics::CallerMetrics;
use crate::admission::{Permit, RefusalReason};
use crate::model::{CallerId, Operation};
use crate::upstream::UpstreamErrorKind;

/// Bucket bounds in seconds, from no wait to the longest that can be configured.
const WAIT_BUCKETS: [f64; 12] = [
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 180.0,
];

/// Bucket bounds in seconds, from AWS's usual latency to its worst.
const ATTEMPT_BUCKETS: [f64; 11] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 10.0];

type Histograms = Family<OperationLabel, Histogram, fn() -> Histogram>;

/// The metrics of all operations. Clones share them.
#[derive(Clone, Debug)]
pub struct AttemptMetrics {
    attempts: Family<AttemptLabels, Counter>,
    not_sent: Family<OperationLabel, Counter>,
    errors: Family<ErrorLabels, Counter>,
    durations: Histograms,
    refusals: Family<RefusalLabels, Counter>,
    waits: Histograms,
    predicted_waits: Histograms,
    replays: Counter,
    callers: CallerMetrics,
}

/// The metrics of one operation.
#[derive(Clone, Debug)]
pub(super) struct OperationMetrics {
    metrics: AttemptMetrics,
    operation: Operation,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    operation: Operation,
    attempt: AttemptLabel,
    outcome: OutcomeLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    operation: Operation,
    aws_code: AwsCodeLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    operation: Operation,
    reason: RefusalLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: Operation,
}

impl Default for AttemptMetrics {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            not_sent: Family::default(),
            errors: Family::default(),
            durations: Histograms::new_with_constructor(|| Histogram::new(ATTEMPT_BUCKETS)),
            refusals: Family::default(),
            waits: Histograms::new_with_constructor(|| Histogram::new(WAIT_BUCKETS)),
            predicted_waits: Histograms::new_with_constructor(|| Histogram::new(WAIT_BUCKETS)),
            replays: Counter::default(),
            callers: CallerMetrics::default(),
        }
    }
}

impl AttemptMetrics {
    /// Registers the metrics. Callers in `named` always have series of their own.
    pub fn register(registry: &mut Registry, named: HashSet<CallerId>) -> Self {
        let callers = CallerMetrics::register(registry, named);
        let metrics = Self {
            callers,
            ..Self::default()
        };
        metrics.register_attempts(registry);
        metrics.register_admission(registry);
        registry.register(
            "livegate_idempotent_replays",
            "Calls that returned the session of an earlier call; many: callers give up early",
            metrics.replays.clone(),
        );
        metrics
    }

    /// Replaces the callers that always have series of their own. The number of series is at
    /// most that of the named callers and 33, after any number of changes. Shadow refusals
    /// are counted from 0 again.
    pub fn set_named_callers(&self, named: HashSet<CallerId>) {
        self.callers.set_named(named);
    }

    fn register_attempts(&self, registry: &mut Registry) {
        registry.register(
            "livegate_upstream_attempts",
            "Attempts at AWS by outcome; each used a quota token. access_denied and credentials: \
             fix Livegate's access to AWS. deadline and cancelled: given up within a second; \
             hung: given up later, attributed to AWS",
            self.attempts.clone(),
        );
        registry.register(
            "livegate_upstream_attempts_not_sent",
            "Permits that were returned without a call, because the caller gave up, the idempotency \
             record could not be written, or another replica creates the session",
            self.not_sent.clone(),
        );
        registry.register(
            "livegate_upstream_errors",
            "Attempts that AWS refused, by its error code; none: no answer, or one without a \
             code; other: see the log line",
            self.errors.clone(),
        );
        registry.register(
            "livegate_upstream_attempt_duration_seconds",
            "Duration of attempts at AWS; upstream.attempt_timeout cuts them off",
            self.durations.clone(),
        );
    }

    fn register_admission(&self, registry: &mut Registry) {
        registry.register(
            "livegate_admission_refusals",
            "Requests and retries that got no permit, by reason",
            self.refusals.clone(),
        );
        registry.register(
            "livegate_admission_wait_seconds",
            "How long attempts waited for their permits",
            self.waits.clone(),
        );
        registry.register(
            "livegate_admission_predicted_wait_seconds",
            "How long the same attempts were predicted to wait; far from the actual wait: \
             requests are refused too early or too late",
            self.predicted_waits.clone(),
        );
    }

    pub(super) fn of(&self, operation: Operation) -> OperationMetrics {
        // A series that starts at 1 has no increase, so an alert would miss the first one.
        for attempt in [AttemptLabel::First, AttemptLabel::Retry] {
            let labels = AttemptLabels {
                operation,
                attempt,
                outcome: OutcomeLabel::Failed(UpstreamErrorKind::InvalidResponse),
            };
            self.attempts.get_or_create(&labels).inc_by(0);
        }
        OperationMetrics {
            metrics: self.clone(),
            operation,
        }
    }
}

impl OperationMetrics {
    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    /// Counts a call that returns the session of an earlier call.
    pub(super) fn replayed(&self) {
        self.metrics.replays.inc();
    }

    /// Records the wait of an attempt that got a permit, and counts it as not sent unless it
    /// starts.
    pub(super) fn admitted(&self, permit: &Permit) -> UnsentGuard<'_> {
        if let Some(section) = permit.shadow_refusal() {
            let callers = &self.metrics.callers;
            callers.count_shadow_refusal(self.operation, section);
        }
        let label = self.label();
        let waits = self.metrics.waits.get_or_create(&label);
        waits.observe(permit.waited().as_secs_f64());
        let predicted = self.metrics.predicted_waits.get_or_create(&label);
        predicted.observe(permit.predicted().as_secs_f64());
        self.unsent()
    }

    fn unsent(&self) -> UnsentGuard<'_> {
        UnsentGuard {
            metrics: self,
            started: false,
        }
    }

    fn label(&self) -> OperationLabel {
        OperationLabel {
            operation: self.operation,
        }
    }

    fn start_attempt(&self, caller: &CallerId, number: u32) -> AttemptGuard {
        let started = Instant::now();
        let callers = &self.metrics.callers;
        callers.count_attempt(self.operation, caller, started);
        let attempt = if number > 1 {
            AttemptLabel::Retry
        } else {
            AttemptLabel::First
        };
        AttemptGuard {
            metrics: self.metrics.clone(),
            labels: AttemptLabels {
                operation: self.operation,
                attempt,
                outcome: OutcomeLabel::Cancelled,
            },
            started,
        }
    }

    /// Counts a request of `caller` that got no permit.
    pub(super) fn refused(&self, caller: &CallerId, reason: RefusalReason) {
        let callers = &self.metrics.callers;
        callers.count_refusal(self.operation, caller, Instant::now());
        let labels = RefusalLabels {
            operation: self.operation,
            reason: RefusalLabel(reason),
        };
        self.metrics.refusals.get_or_create(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_was_not_sent_has_a_counter_of_its_own() {
        let mut registry = Registry::default();
        let metrics = AttemptMetrics::register(&mut registry, HashSet::new());
        let create = metrics.of(Operation::Create);
        let caller = CallerId::anonymous();
        drop(create.unsent());
        let sent = create.unsent().start(&caller, 2);
        sent.finish(OutcomeLabel::Ok, None);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        for line in [
            "livegate_upstream_attempts_not_sent_total{operation=\"create\"} 1\n",
            "livegate_upstream_attempts_total{operation=\"create\",attempt=\"retry\",outcome=\"ok\"} 1\n",
            "livegate_upstream_attempt_duration_seconds_count{operation=\"create\"} 1\n",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
        let attempts = page
            .lines()
            .filter(|line| line.starts_with("livegate_upstream_attempts_total{"));
        let counted = attempts.filter(|line| !line.ends_with(" 0"));
        assert_eq!(counted.count(), 1, "{page}");
    }
}
