//! The metrics of the audit log.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The metrics of the audit log. Clones share the same counters.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics(Family<LineLabels, Counter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LineLabels {
    outcome: LineOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LineOutcome {
    Written,
    Lost,
}

impl EncodeLabelValue for LineOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let name = match self {
            Self::Written => "written",
            Self::Lost => "lost",
        };
        name.encode(encoder)
    }
}

impl AuditMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // Both start at 0, so that a rate sees the first loss.
        for outcome in [LineOutcome::Written, LineOutcome::Lost] {
            metrics.count(outcome, 0);
        }
        registry.register(
            "livegate_audit_lines",
            "Lines of the audit log by outcome; a lost line is a gap in the log: check the disk, or \
             the reader of standard output",
            metrics.0.clone(),
        );
        metrics
    }

    pub(super) fn written(&self, lines: u64) {
        self.count(LineOutcome::Written, lines);
    }

    pub(super) fn lost(&self, lines: u64) {
        self.count(LineOutcome::Lost, lines);
    }

    fn count(&self, outcome: LineOutcome, by: u64) {
        self.0.get_or_create(&LineLabels { outcome }).inc_by(by);
    }
}
