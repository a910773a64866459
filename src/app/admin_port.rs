//! The admin port, and what the other parts report to it.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::config_state::ConfigCollector;
use super::metrics::Metrics;
use super::ready::ReadyCollector;
use super::reload::Reload;
use super::status::Status;
use crate::admin::{self, AdminSources, Readiness};
use crate::config::Config;

/// The admin port, which serves until this is dropped.
pub(super) struct AdminPort {
    /// Sets the readiness.
    pub(super) readiness: watch::Sender<Readiness>,
    /// Sets the reasons for degraded service, one a line.
    pub(super) notices: watch::Sender<String>,
    pub(super) status: Arc<Status>,
    _serving: AbortOnDropHandle<()>,
}

impl AdminPort {
    /// Serves the metrics of `registry` and the state of the service that starts.
    pub(super) fn open(
        listener: TcpListener,
        mut registry: Registry,
        reload: &Option<Reload>,
        (config, metrics): (&Config, &Metrics),
    ) -> Self {
        let (readiness, ready) = watch::channel(Readiness::Starting(
            "the configured components are starting".to_owned(),
        ));
        let (notices, degraded) = watch::channel(String::new());
        registry.register_collector(Box::new(ReadyCollector(ready.clone())));
        let config_state = reload.as_ref().map(Reload::state);
        if let Some(state) = config_state.clone() {
            registry.register_collector(Box::new(ConfigCollector(state)));
        }
        let registry = Arc::new(registry);
        let status = Status::new(registry.clone(), config_state.clone(), config, metrics);
        let status = Arc::new(status);
        let reported = status.clone();
        let notes = move || {
            let config = config_state.as_ref().map(|state| state.borrow().notes());
            config.unwrap_or_default() + &*degraded.borrow()
        };
        let sources = AdminSources {
            registry,
            readiness: ready,
            notes: Arc::new(notes),
            status: Arc::new(move || reported.to_json()),
        };
        let serving = tokio::spawn(admin::serve(listener, sources));
        Self {
            readiness,
            notices,
            status,
            _serving: AbortOnDropHandle::new(serving),
        }
    }
}
