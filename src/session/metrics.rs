//! What is counted of attempts: each one by its outcome, what it waited, and what
//! was refused before it could leave.

use std::collections::HashSet;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use tokio::time::Instant;

use super::caller_metrics::CallerMetrics;
use crate::admission::{Permit, RefusalReason};
use crate::model::CallerId;
use crate::upstream::UpstreamError;

/// Upper bounds in seconds: from no wait to the longest that can be configured.
const WAITS: [f64; 12] = [
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 180.0,
];

/// Upper bounds in seconds of one attempt: AWS's usual, and its bad days.
const ATTEMPTS: [f64; 11] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 10.0];

/// AWS mostly answers well within this. An attempt that was given up later shows a slow AWS,
/// one that was given up sooner a caller in a hurry.
const HUNG_AFTER: Duration = Duration::from_secs(1);

/// AWS's codes that have a series of their own; what comes over the network must
/// not make any. They are those that its documentation names for these operations.
const CODES: [&str; 14] = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "ServiceQuotaExceededException",
    "InternalServerError",
    "ServiceUnavailableException",
    "AccessDeniedException",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "InvalidParameterException",
    "ValidationException",
    "SessionNotFoundException",
    "IdempotentParameterMismatchException",
];

type Waits = Family<OperationLabel, Histogram, fn() -> Histogram>;

/// The counters of all operations. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct AttemptMetrics {
    attempts: Family<AttemptLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    durations: Waits,
    refusals: Family<RefusalLabels, Counter>,
    waits: Waits,
    predicted: Waits,
    replays: Counter,
    callers: CallerMetrics,
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
struct ErrorLabels {
    operation: &'static str,
    aws_code: &'static str,
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
            errors: Family::default(),
            durations: Waits::new_with_constructor(|| Histogram::new(ATTEMPTS)),
            refusals: Family::default(),
            waits: Waits::new_with_constructor(|| Histogram::new(WAITS)),
            predicted: Waits::new_with_constructor(|| Histogram::new(WAITS)),
            replays: Counter::default(),
            callers: CallerMetrics::default(),
        }
    }
}

impl AttemptMetrics {
    /// Registers the counters; callers that are `named` have their own whoever else
    /// calls.
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
            "Calls that were told of a session which an earlier call was given; many: callers give up early",
            metrics.replays.clone(),
        );
        metrics
    }

    /// Callers that are `named`, and no others, have their own from now on. However
    /// often it changes there are no more series than are named at once, and 33.
    pub fn name(&self, named: HashSet<CallerId>) {
        self.callers.name(named);
    }

    fn register_attempts(&self, registry: &mut Registry) {
        registry.register(
            "livegate_upstream_attempts",
            "Attempts at AWS by outcome; each one spent a call of the quota. access_denied and \
             credentials are ours to mend. Given up by their callers: deadline and cancelled \
             within a second, hung later, which AWS has to answer for",
            self.attempts.clone(),
        );
        registry.register(
            "livegate_upstream_errors",
            "Attempts that AWS refused, by its own code; none: no answer, or one without a code; \
             other: the log line has it",
            self.errors.clone(),
        );
        registry.register(
            "livegate_upstream_attempt_duration_seconds",
            "How long attempts at AWS took; near upstream.attempt_timeout they are cut off",
            self.durations.clone(),
        );
    }

    fn register_admission(&self, registry: &mut Registry) {
        registry.register(
            "livegate_admission_refusals",
            "Requests, and retries, that got no slot, by what was in the way",
            self.refusals.clone(),
        );
        registry.register(
            "livegate_admission_wait_seconds",
            "How long attempts waited for their slot",
            self.waits.clone(),
        );
        registry.register(
            "livegate_admission_predicted_wait_seconds",
            "How long the same attempts were predicted to wait; far from the real wait: \
             refusals come too early or too late",
            self.predicted.clone(),
        );
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
    pub(super) fn waited(&self, permit: &Permit) {
        let label = self.label();
        let (all, seconds) = (&self.all, Duration::as_secs_f64);
        let waits = all.waits.get_or_create(&label);
        waits.observe(seconds(&permit.waited()));
        let predicted = all.predicted.get_or_create(&label);
        predicted.observe(seconds(&permit.predicted()));
    }

    /// A caller was told of the session that an earlier call was given.
    pub(super) fn replayed(&self) {
        self.all.replays.inc();
    }

    fn label(&self) -> OperationLabel {
        OperationLabel {
            operation: self.operation,
        }
    }

    /// The attempt of `caller` with this number leaves; when the guard is dropped it
    /// has ended.
    pub(super) fn leaves(&self, caller: &CallerId, number: u32) -> AttemptGuard {
        let left = Instant::now();
        self.all.callers.spent(self.operation, caller, left);
        let attempt = if number > 1 { "retry" } else { "first" };
        let (operation, outcome) = (self.operation, "cancelled");
        let labels = AttemptLabels {
            operation,
            attempt,
            outcome,
        };
        AttemptGuard {
            all: self.all.clone(),
            labels,
            left,
        }
    }

    /// There was no slot for `caller`.
    pub(super) fn refused(&self, caller: &CallerId, reason: RefusalReason) {
        let now = Instant::now();
        self.all.callers.refused(self.operation, caller, now);
        let reason = match reason {
            RefusalReason::Quota => "quota",
            RefusalReason::CallerQuota => "caller_quota",
            RefusalReason::DeadlineTooShort => "deadline_too_short",
            RefusalReason::Closed => "closed",
        };
        let labels = RefusalLabels {
            operation: self.operation,
            reason,
        };
        self.all.refusals.get_or_create(&labels).inc();
    }
}

/// Counts its attempt when dropped: a call that is given up counts as cancelled, or as
/// hung.
pub(super) struct AttemptGuard {
    all: AttemptMetrics,
    labels: AttemptLabels,
    left: Instant,
}

impl AttemptGuard {
    pub(super) fn finish(mut self, outcome: &'static str, error: Option<&UpstreamError>) {
        self.labels.outcome = outcome;
        if let Some(error) = error {
            let labels = ErrorLabels {
                operation: self.labels.operation,
                aws_code: known(error.code.as_deref()),
            };
            self.all.errors.get_or_create(&labels).inc();
        }
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        let took = self.left.elapsed();
        let is_given_up = matches!(self.labels.outcome, "deadline" | "cancelled");
        if is_given_up && took > HUNG_AFTER {
            self.labels.outcome = "hung";
        }
        self.all.attempts.get_or_create(&self.labels).inc();
        let label = OperationLabel {
            operation: self.labels.operation,
        };
        let durations = self.all.durations.get_or_create(&label);
        durations.observe(took.as_secs_f64());
    }
}

/// A code as a label.
fn known(code: Option<&str>) -> &'static str {
    let Some(code) = code else { return "none" };
    let known = CODES.into_iter().find(|one| *one == code);
    known.unwrap_or("other")
}
