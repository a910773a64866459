//! The metrics of the audit log.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The metrics of the audit log. Clones share the same counters.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics(Family<[(&'static str, &'static str); 1], Counter>);

impl AuditMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // Both start at 0, so that a rate sees the first loss.
        metrics.written(0);
        metrics.lost(0);
        registry.register(
            "livegate_audit_lines",
            "Lines of the audit log by outcome; a lost line is a gap in the log: check the disk, or \
             the reader of standard output",
            metrics.0.clone(),
        );
        metrics
    }

    pub(super) fn written(&self, lines: u64) {
        self.count("written", lines);
    }

    pub(super) fn lost(&self, lines: u64) {
        self.count("lost", lines);
    }

    fn count(&self, outcome: &'static str, by: u64) {
        self.0.get_or_create(&[("outcome", outcome)]).inc_by(by);
    }
}
