//! The state of all parts as one JSON object, for `/status`. Most numbers are those of the
//! metrics; the others come from the parts.
//!
//! It has no secrets, session ids, tokens and end users. Lists are bounded.

mod samples;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use self::samples::Samples;
use super::config_state::ConfigState;
use super::metrics::Metrics;
use super::reloadable::Reloadable;
use crate::admission::{Admission, CheckLimit};
use crate::config::Config;
use crate::grpc::RecentErrors;
use crate::model::{Operation, unix_time, wall_clock};
use crate::store::StoreMetrics;
use crate::upstream::aws::Rekognition;

/// The most callers of one operation in the list.
const MAX_CALLERS: usize = 50;

/// The sources of the state.
pub(super) struct Status {
    started: Instant,
    registry: Arc<Registry>,
    /// `None` if the configuration cannot be reloaded.
    config: Option<watch::Receiver<ConfigState>>,
    issuer: Option<String>,
    store: StoreMetrics,
    errors: RecentErrors,
    /// The parts that are built after the admin port is open.
    parts: OnceLock<Parts>,
}

struct Parts {
    api: Arc<Rekognition>,
    create: Admission,
    results: Admission,
    check_limit: Arc<Mutex<Option<CheckLimit>>>,
}

impl Status {
    pub(super) fn new(
        registry: Arc<Registry>,
        config: Option<watch::Receiver<ConfigState>>,
        settings: &Config,
        metrics: &Metrics,
    ) -> Self {
        Self {
            started: Instant::now(),
            registry,
            config,
            issuer: settings.auth.jwt.as_ref().map(|jwt| jwt.issuer.clone()),
            store: metrics.store.clone(),
            errors: metrics.grpc.recent_errors.clone(),
            parts: OnceLock::new(),
        }
    }

    /// Adds the parts that are built later.
    pub(super) fn set_parts(&self, api: &Arc<Rekognition>, reloadable: &Reloadable) {
        let parts = Parts {
            api: api.clone(),
            create: reloadable.create_admission.clone(),
            results: reloadable.results_admission.clone(),
            check_limit: reloadable.check_limit.clone(),
        };
        // It is called once.
        let _ = self.parts.set(parts);
    }

    /// Returns the state now.
    pub(super) fn to_json(&self) -> Value {
        let samples = Samples::read(&self.registry);
        let parts = self.parts.get();
        let calls = "grpc_server_call_duration_seconds_count";
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "commit": env!("BUILD_COMMIT"),
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
            "config": self.config.as_ref().map(|state| state.borrow().to_json()),
            "operations": {
                "create": operation(Operation::Create, parts.map(|parts| &parts.create), &samples),
                "results": operation(Operation::Results, parts.map(|parts| &parts.results), &samples),
            },
            "calls": samples.by_label(calls, "SessionService", "grpc_status"),
            "store": self.store.condition().map(|store| json!({
                "connected": store.connected,
                "since": timestamp(wall_clock() - store.since.elapsed()),
            })),
            "credentials": credentials(parts, &samples),
            "certificate": moment(&samples, "grpc_server_certificate_expiry_timestamp_seconds")
                .map(|not_after| json!({ "not_after": timestamp(not_after) })),
            "jwks": self.issuer.as_ref().map(|issuer| json!([jwks(issuer, &samples)])),
            "checks": checks(parts, &samples),
            "watchers": samples.sum("livegate_watchers", ""),
            "errors": self.errors.to_json(),
        })
    }
}

/// Returns the state of one operation, without its queue while the service starts.
fn operation(operation: Operation, admission: Option<&Admission>, samples: &Samples) -> Value {
    let label = format!("operation=\"{}\"", operation.as_str());
    let by = |name, key| samples.by_label(name, &label, key);
    let sum = |name| samples.sum(name, &label).unwrap_or(0.0);
    let mut state = json!({
        "refusals": by("livegate_admission_refusals_total", "reason"),
        "attempts": by("livegate_upstream_attempts_total", "outcome"),
        "aws_errors": by("livegate_upstream_errors_total", "aws_code"),
        "attempt_seconds": {
            "count": sum("livegate_upstream_attempt_duration_seconds_count"),
            "sum": sum("livegate_upstream_attempt_duration_seconds_sum"),
        },
    });
    if let Some((admission, callers)) = admission.and_then(|one| one.snapshot(MAX_CALLERS)) {
        let mut queue = json!(callers);
        queue["waiting"] = admission.waiting.into();
        state["queue"] = queue;
        state["limit"] = json!({
            "rate_per_second": admission.rate_per_second,
            "adaptive_factor": admission.adaptive_factor,
            "quota_tokens": admission.level,
            "replicas": admission.replicas,
            "degraded": admission.degraded,
        });
    }
    state
}

fn credentials(parts: Option<&Parts>, samples: &Samples) -> Option<Value> {
    let loaded_at = moment(samples, "livegate_aws_credentials_loaded_timestamp_seconds")?;
    let expiry = moment(samples, "livegate_aws_credentials_expiry_timestamp_seconds");
    Some(json!({
        "source": parts.and_then(|parts| parts.api.credentials_source()),
        "age_seconds": age(loaded_at),
        "expires": expiry.map(timestamp),
    }))
}

/// Returns the outcomes of checks, and the limit of checks under way if one is configured. How
/// many are under way is not known: a check starts at the user's device.
fn checks(parts: Option<&Parts>, samples: &Samples) -> Value {
    let limit = parts.and_then(|parts| parts.check_limit.lock().clone());
    json!({
        "outcomes": samples.by_label("livegate_checks_total", "", "outcome"),
        "max_concurrent": limit.as_ref().map(|limit| limit.max_concurrent),
        "sessions_per_second": limit.as_ref().map(CheckLimit::sessions_per_second),
    })
}

fn jwks(issuer: &str, samples: &Samples) -> Value {
    let read_at = moment(samples, "livegate_auth_jwks_read_timestamp_seconds");
    json!({ "issuer": issuer, "age_seconds": read_at.map(age) })
}

/// Returns the time that a metric has, in seconds since 1970.
fn moment(samples: &Samples, name: &str) -> Option<SystemTime> {
    let seconds = Duration::try_from_secs_f64(samples.sum(name, "")?).ok()?;
    UNIX_EPOCH.checked_add(seconds)
}

fn age(since: SystemTime) -> f64 {
    (unix_time(wall_clock()).saturating_sub(unix_time(since))).as_secs_f64()
}

/// Formats a time as in RFC 3339, in whole seconds.
pub(super) fn timestamp(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
