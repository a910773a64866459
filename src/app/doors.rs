//! The doors to the quotas, as the configuration has them.

use std::time::Duration;

use tokio::time::interval;

use crate::admission::{Admission, AdmissionMetrics, AdmissionSettings, QuotaSettings};
use crate::config::Config;

/// How often the gauges are read.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// The doors to the quotas, one for each operation.
pub(super) struct Doors {
    pub(super) create: Admission,
    pub(super) results: Admission,
}

impl Doors {
    pub(super) fn open(config: &Config) -> Self {
        Self {
            create: Admission::open(admission(config, &config.create_quota)),
            results: Admission::open(admission(config, &config.results_quota)),
        }
    }

    /// Turns away whoever waits: they still have the time to ask elsewhere.
    pub(super) fn close(&self) {
        self.create.close();
        self.results.close();
    }

    /// Notes each second how the doors look; returns where one is gone, which only
    /// a bug can bring about.
    pub(super) async fn watch(&self, metrics: &AdmissionMetrics) {
        let mut each = interval(LOOK_EACH);
        loop {
            each.tick().await;
            for (operation, door) in [("create", &self.create), ("results", &self.results)] {
                let Some(state) = door.state().await else {
                    return;
                };
                metrics.record(operation, &state);
            }
        }
    }

    /// Goes by `config` from now on; nobody who waits loses the place.
    pub(super) fn apply(&self, config: &Config) {
        self.create.apply(admission(config, &config.create_quota));
        self.results.apply(admission(config, &config.results_quota));
    }
}

fn admission(config: &Config, quota: &QuotaSettings) -> AdmissionSettings {
    AdmissionSettings {
        quota: quota.clone(),
        callers: config.callers.clone(),
        adaptive: config.adaptive.enabled,
    }
}
