//! What is counted of the audit.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The metrics of the audit. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics(Family<Labels, Counter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl AuditMetrics {
    /// Metrics in `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // Both are there from the start, or the first loss would be no increase.
        for outcome in ["written", "lost"] {
            metrics.count(outcome, 0);
        }
        registry.register(
            "livegate_audit_lines",
            "Lines of the audit by outcome; any that is lost is a gap in the record: look at \
             the disk or the reader of standard output",
            metrics.0.clone(),
        );
        metrics
    }

    pub(super) fn written(&self) {
        self.count("written", 1);
    }

    pub(super) fn lost(&self) {
        self.count("lost", 1);
    }

    fn count(&self, outcome: &'static str, by: u64) {
        self.0.get_or_create(&Labels { outcome }).inc_by(by);
    }
}
