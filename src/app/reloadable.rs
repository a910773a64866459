//! The components that a reload reconfigures: admission to the quota of each operation,
//! authorization, and the callers with metrics of their own.
//!
//! For example, a reload adds `[callers.payments]`. From then on `payments` has the weight
//! and the permissions of that section, and its own series in the metrics.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::interval;

use super::lowered_rate::LoweredRate;
use super::metrics::named_callers;
use crate::admission::{
    Admission, AdmissionMetrics, AdmissionSettings, AdmissionState, CheckLimit, SharedQuota,
};
use crate::auth::policy::{Authorizer, DefaultPermission};
use crate::config::Config;
use crate::model::Operation;
use crate::session::AttemptMetrics;
use crate::store::Store;

/// The interval at which the gauges are updated.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);

/// The components that a reload reconfigures.
pub(super) struct Reloadable {
    pub(super) create_admission: Admission,
    pub(super) results_admission: Admission,
    pub(super) authorizer: Authorizer,
    /// The limit of checks in effect, for the status page.
    pub(super) check_limit: Arc<Mutex<Option<CheckLimit>>>,
    attempts: AttemptMetrics,
}

impl Reloadable {
    /// Builds the components. With a store, admission uses the quota that the replicas
    /// share.
    pub(super) fn open(config: &Config, store: Option<&Store>, attempts: &AttemptMetrics) -> Self {
        let open = |operation: Operation| {
            let settings = admission_settings(config, operation);
            match store {
                None => Admission::open(settings),
                Some(store) => {
                    let shared = SharedQuota {
                        store: store.clone(),
                        name: format!("{}:{}", config.upstream.region, operation.as_str()),
                        max_replicas: config.store.max_replicas,
                    };
                    Admission::open_shared(settings, shared)
                }
            }
        };
        Self {
            create_admission: open(Operation::Create),
            results_admission: open(Operation::Results),
            authorizer: authorizer(config),
            check_limit: Arc::new(Mutex::new(config.check_limit.clone())),
            attempts: attempts.clone(),
        }
    }

    /// Refuses all waiting and new requests, so that callers have time to retry at another
    /// replica.
    pub(super) fn close(&self) {
        self.create_admission.close();
        self.results_admission.close();
    }

    /// Leaves the quotas that the replicas share, after the last call.
    pub(super) async fn leave(&self) {
        tokio::join!(
            self.create_admission.leave(),
            self.results_admission.leave()
        );
    }

    /// Updates `metrics` and `degradation` every second. Returns if an admission task has
    /// stopped, which only a bug can cause.
    pub(super) async fn watch(
        &self,
        metrics: &AdmissionMetrics,
        degradation: &watch::Sender<String>,
    ) {
        let mut ticks = interval(UPDATE_INTERVAL);
        let mut quotas = [
            (Operation::Create, &self.create_admission),
            (Operation::Results, &self.results_admission),
        ]
        .map(|(operation, admission)| (operation.as_str(), admission, LoweredRate::default()));
        loop {
            ticks.tick().await;
            let mut lines = String::new();
            for (operation, admission, lowered) in &mut quotas {
                let Some(state) = admission.state() else {
                    return;
                };
                metrics.record(operation, &state);
                lines.push_str(&degraded_line(operation, &state));
                lines.extend(lowered.report(operation, &state));
            }
            degradation.send_replace(lines);
        }
    }

    /// Applies `config`. Waiting requests keep their position in the queue.
    pub(super) fn apply(&self, config: &Config) {
        self.create_admission
            .apply(admission_settings(config, Operation::Create));
        self.results_admission
            .apply(admission_settings(config, Operation::Results));
        self.authorizer.apply(config.policy.clone());
        self.check_limit.lock().clone_from(&config.check_limit);
        self.attempts.set_named_callers(named_callers(config));
    }
}

/// Builds the authorizer. Without an explicit permission, authenticated callers are
/// denied and unauthenticated ones allowed; `auth.mode` does not change on a reload.
fn authorizer(config: &Config) -> Authorizer {
    let default = if config.auth.mode.is_authenticated() {
        DefaultPermission::Deny
    } else {
        DefaultPermission::Allow
    };
    Authorizer::new(config.policy.clone(), default)
}

fn degraded_line(operation: &str, state: &AdmissionState) -> String {
    let rate = state.rate_per_second;
    if state.degraded {
        format!(
            "{operation}: degraded: store unavailable, using local share of {rate:.2} calls/s\n"
        )
    } else if state.away > 0.0 {
        let away = state.away * 100.0;
        format!(
            "{operation}: degraded: replicas have not returned since the store was unavailable, \
             leaving them {away:.0} % of the rate for at most 30 s, using {rate:.2} calls/s\n"
        )
    } else {
        String::new()
    }
}

fn admission_settings(config: &Config, operation: Operation) -> AdmissionSettings {
    let (quota, check_limit) = match operation {
        Operation::Create => (&config.create_quota, config.check_limit.clone()),
        Operation::Results => (&config.results_quota, None),
    };
    AdmissionSettings {
        quota: quota.clone(),
        callers: config.callers.clone(),
        adaptive: config.adaptive.enabled,
        check_limit,
    }
}
