//! The doors to the quotas, who may come to them, and who is counted by name, as the
//! configuration has it.
//!
//! An example: a reload brings `[callers.payments]`. From then on `payments` has the
//! share that stands there, may what stands there, and has a series of its own.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::interval;

use super::metrics::named;
use crate::admission::{
    Admission, AdmissionMetrics, AdmissionSettings, AdmissionState, QuotaSettings, SharedQuota,
};
use crate::auth::policy::{Authorizer, DefaultPermission};
use crate::config::Config;
use crate::session::AttemptMetrics;
use crate::store::Store;

/// How often the gauges are read.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// The doors to the quotas, one for each operation.
pub(super) struct Doors {
    pub(super) create: Admission,
    pub(super) results: Admission,
    pub(super) policy: Authorizer,
    attempts: AttemptMetrics,
}

impl Doors {
    /// Opens them; where there is a store, to the quota that replicas share. Who comes
    /// is counted by `attempts`.
    pub(super) fn open(config: &Config, store: Option<&Store>, attempts: &AttemptMetrics) -> Self {
        let open = |quota: &QuotaSettings, operation: &str| {
            let settings = admission(config, quota);
            match store {
                None => Admission::open(settings),
                Some(store) => {
                    let shared = SharedQuota {
                        store: store.clone(),
                        name: format!("{}:{operation}", config.upstream.region),
                        max_replicas: config.store.max_replicas,
                    };
                    Admission::open_shared(settings, shared)
                }
            }
        };
        Self {
            create: open(&config.create_quota, "create"),
            results: open(&config.results_quota, "results"),
            policy: policy(config),
            attempts: attempts.clone(),
        }
    }

    /// Turns away whoever waits: they still have the time to ask elsewhere.
    pub(super) fn close(&self) {
        self.create.close();
        self.results.close();
    }

    /// Looks each second how the doors are: `metrics` have all of it, `notes` what
    /// is not as it should be. It returns where a door is gone, which only a bug can
    /// bring about.
    pub(super) async fn watch(&self, metrics: &AdmissionMetrics, notes: &watch::Sender<String>) {
        let mut each = interval(LOOK_EACH);
        loop {
            each.tick().await;
            let mut lines = String::new();
            for (operation, door) in [("create", &self.create), ("results", &self.results)] {
                let Some(state) = door.state().await else {
                    return;
                };
                metrics.record(operation, &state);
                lines.push_str(&note(operation, &state));
            }
            notes.send_replace(lines);
        }
    }

    /// Goes by `config` from now on; nobody who waits loses the place.
    pub(super) fn apply(&self, config: &Config) {
        self.create.apply(admission(config, &config.create_quota));
        self.results.apply(admission(config, &config.results_quota));
        self.policy.apply(config.policy.clone());
        self.attempts.name(named(config));
    }
}

/// What no rule says follows from the way in which callers are known, which stays
/// as it was at the start.
fn policy(config: &Config) -> Authorizer {
    let unsaid = if config.auth.mode.is_authenticated() {
        DefaultPermission::Deny
    } else {
        DefaultPermission::Allow
    };
    Authorizer::new(config.policy.clone(), unsaid)
}

fn note(operation: &str, state: &AdmissionState) -> String {
    if !state.degraded {
        return String::new();
    }
    let rate = state.rate_per_second;
    format!("{operation}: degraded: the store does not answer, alone at {rate:.2} calls/s\n")
}

fn admission(config: &Config, quota: &QuotaSettings) -> AdmissionSettings {
    AdmissionSettings {
        quota: quota.clone(),
        callers: config.callers.clone(),
        adaptive: config.adaptive.enabled,
    }
}
