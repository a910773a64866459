//! The state of the configuration, for metrics and `/readyz?verbose`.
//!
//! For example, the file changes `grpc.listen` at 12:00, and has an error at 13:00. From
//! 12:00 on a restart is pending, and the hash is the one of before, because the listener is.
//! From 13:00 on, the last reload counts as failed, and 12:00 as the last success.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::status::timestamp;
use crate::model::{unix_time, wall_clock};

/// The most errors of a rejected reload that the status page shows. The log has all.
const MAX_ERRORS: usize = 5;

/// The configuration in effect, and the last attempt to change it.
#[derive(Clone, Debug)]
pub(super) struct ConfigState {
    /// The first bytes of a digest of all settings in effect.
    hash: String,
    applied_at: SystemTime,
    /// The places of the errors of the last reload, if it was rejected. The log has the
    /// problems and the values.
    errors: Vec<String>,
    /// The keys whose new values need a restart.
    pending: Vec<String>,
}

impl ConfigState {
    /// Returns the state right after settings were applied. `effective` has a line for each.
    pub(super) fn applied(effective: &[String], pending: Vec<String>) -> Self {
        let digest = Sha256::digest(effective.join("\n"));
        Self {
            hash: digest[..6]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            applied_at: wall_clock(),
            errors: Vec::new(),
            pending,
        }
    }

    /// Records that a reload was rejected because of errors at `places`.
    pub(super) fn reject(&mut self, places: Vec<String>) {
        self.errors = places;
    }

    fn is_rejected(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Returns the state for the status page.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "hash": self.hash,
            "last_reload_successful": !self.is_rejected(),
            "last_success": timestamp(self.applied_at),
            "errors": self.errors.iter().take(MAX_ERRORS).collect::<Vec<_>>(),
            "restart_pending": self.pending,
        })
    }

    /// Returns a line for each condition that needs attention.
    pub(super) fn notes(&self) -> String {
        let mut notes = String::new();
        if self.is_rejected() {
            notes.push_str("configuration: last reload rejected, keeping previous settings\n");
        }
        if !self.pending.is_empty() {
            notes.push_str(&format!(
                "configuration: restart pending for {}\n",
                self.pending.join(", ")
            ));
        }
        notes
    }
}

/// Collects the state at each scrape.
#[derive(Debug)]
pub(super) struct ConfigCollector(pub(super) watch::Receiver<ConfigState>);

impl Collector for ConfigCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = self.0.borrow().clone();
        let mut write = |name: &str, help: &str, metric: &dyn EncodeMetric| {
            let described = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(described)
        };
        write(
            "livegate_config_last_reload_successful",
            "0 while the configuration on disk is rejected and the previous settings stay in use",
            &ConstGauge::new(i64::from(!state.is_rejected())),
        )?;
        write(
            "livegate_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded without an error, in seconds since 1970",
            &ConstGauge::new(unix_time(state.applied_at).as_secs_f64()),
        )?;
        write(
            "livegate_config_restart_pending",
            "1 while changed keys need a restart to take effect; the log line names them",
            &ConstGauge::new(i64::from(!state.pending.is_empty())),
        )?;
        write(
            "livegate_config",
            "Always 1; the hash identifies the settings in effect. Replicas with different hashes \
             have different settings",
            &Info::new([("hash", state.hash)]),
        )
    }
}
