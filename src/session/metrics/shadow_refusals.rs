//! Counts the attempts that a rate limit in shadow mode would have refused.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::admission::Permit;
use crate::model::Operation;

/// The counters, by the section of the limit: the configuration bounds their number.
#[derive(Clone, Debug, Default)]
pub(super) struct ShadowRefusals(Family<ShadowLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabels {
    operation: Operation,
    caller: String,
}

impl ShadowRefusals {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "livegate_admission_shadow_refusals",
            "Attempts that max_rate_mode = \"enforce\" would have refused, by the section of the \
             caller: its name, a pattern or default",
            self.0.clone(),
        );
    }

    pub(super) fn count(&self, operation: Operation, permit: &Permit) {
        if let Some(section) = permit.shadow_refusal() {
            let caller = section.to_owned();
            self.0
                .get_or_create(&ShadowLabels { operation, caller })
                .inc();
        }
    }

    /// Starts again from 0, because the sections may have changed.
    pub(super) fn reset(&self) {
        self.0.clear();
    }
}
