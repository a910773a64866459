//! The exchange of callers with the replicas that share the quota.

use tokio::time::Instant;

use super::Scheduler;
use crate::admission::shared::StoreEvent;

impl Scheduler {
    pub(super) fn on_store_event(&mut self, event: &StoreEvent, now: Instant) {
        let callers = self.queue.callers_mut();
        match event {
            StoreEvent::Others(others) => {
                callers.set_others(others, now);
                self.permits
                    .set_report(callers.report(now), callers.weight(now));
            }
            StoreEvent::Isolated { share } => callers.isolate(*share, now),
            StoreEvent::Reserved { .. } | StoreEvent::Available(_) => {}
        }
        if self.permits.on_event(event, now) {
            self.shed_soon(now);
        }
    }
}
