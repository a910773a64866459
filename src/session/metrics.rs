//! What is counted of attempts: each one by its outcome, what it waited, and what
//! was refused before it could leave.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::admission::Refusal;

/// Upper bounds in seconds: from no wait to the longest that can be configured.
const WAITS: [f64; 12] = [
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 180.0,
];

type Waits = Family<OperationLabel, Histogram, fn() -> Histogram>;

/// The counters of all operations. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct AttemptMetrics {
    attempts: Family<AttemptLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    waits: Waits,
}

/// The counters of one operation.
#[derive(Clone, Debug)]
pub(super) struct OperationMetrics {
    all: AttemptMetrics,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    operation: &'static str,
    attempt: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    operation: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

impl Default for AttemptMetrics {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            refusals: Family::default(),
            waits: Waits::new_with_constructor(|| Histogram::new(WAITS)),
        }
    }
}

impl AttemptMetrics {
    /// Registers the counters.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "livegate_upstream_attempts",
            "Attempts at AWS by outcome; each one spent a call of the quota. \
             access_denied and credentials are ours to mend",
            metrics.attempts.clone(),
        );
        registry.register(
            "livegate_admission_refusals",
            "Requests, and retries, that got no slot, by what was in the way",
            metrics.refusals.clone(),
        );
        registry.register(
            "livegate_admission_wait_seconds",
            "How long attempts waited for their slot",
            metrics.waits.clone(),
        );
        metrics
    }

    pub(super) fn of(&self, operation: &'static str) -> OperationMetrics {
        OperationMetrics {
            all: self.clone(),
            operation,
        }
    }
}

impl OperationMetrics {
    /// What AWS calls the operation.
    pub(super) fn method(&self) -> &'static str {
        match self.operation {
            "create" => "CreateFaceLivenessSession",
            "results" => "GetFaceLivenessSessionResults",
            other => other,
        }
    }

    /// An attempt waited for its slot, and leaves.
    pub(super) fn waited(&self, wait: Duration) {
        let label = OperationLabel {
            operation: self.operation,
        };
        self.all
            .waits
            .get_or_create(&label)
            .observe(wait.as_secs_f64());
    }

    /// The attempt with this number leaves; when the guard is dropped it has
    /// ended.
    pub(super) fn leaves(&self, number: u32) -> AttemptGuard {
        let attempt = if number > 1 { "retry" } else { "first" };
        let (operation, outcome) = (self.operation, "cancelled");
        let labels = AttemptLabels {
            operation,
            attempt,
            outcome,
        };
        AttemptGuard {
            attempts: self.all.attempts.clone(),
            labels,
        }
    }

    /// There was no slot.
    pub(super) fn refused(&self, reason: Refusal) {
        let reason = match reason {
            Refusal::Quota => "quota",
            Refusal::CallerQuota => "caller_quota",
            Refusal::NoTime => "no_time",
            Refusal::Closed => "closed",
        };
        let labels = RefusalLabels {
            operation: self.operation,
            reason,
        };
        self.all.refusals.get_or_create(&labels).inc();
    }
}

/// Counts its attempt when dropped: a call that is given up counts as cancelled.
pub(super) struct AttemptGuard {
    attempts: Family<AttemptLabels, Counter>,
    labels: AttemptLabels,
}

impl AttemptGuard {
    pub(super) fn finish(mut self, outcome: &'static str) {
        self.labels.outcome = outcome;
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        self.attempts.get_or_create(&self.labels).inc();
    }
}
