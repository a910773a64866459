//! Reload: applies new rates, weights, caller limits, permissions and profiles without a
//! restart.
//!
//! All sources are loaded again on SIGHUP, and when the content of the file has changed
//! and then stayed the same for a second. A file with errors is rejected as a whole: the
//! errors are logged and the settings stay in effect. A file that no longer has any setting
//! is rejected too, because it would remove every permission and limit. Changed keys that
//! need a restart are logged, and so are new warnings about settings in effect.
//!
//! For example, the file now has `quota.create.rate_per_second = 50.0` and `grpc.listen =
//! "0.0.0.0:50051"`. The rate is 50 at once, waiting requests keep their position, and the
//! log reports that `grpc.listen` needs a restart.

use std::path::Path;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::config_state::ConfigState;
use super::reloadable::Reloadable;
use crate::change::ContentWatch;
use crate::config::{Config, KeyPath, Loaded, ResolvedSetting, Sources};
use crate::telemetry::LogFilter;

/// Loads the sources again and applies the changes.
#[derive(Debug)]
pub(super) struct Reload {
    sources: Sources,
    /// The configuration at startup, which is in effect for keys that need a restart.
    started: Loaded,
    /// The configuration loaded last, which is in effect for all other keys.
    latest: Loaded,
    /// The log filter, which a reload replaces.
    filter: LogFilter,
    hangup: Signal,
    state: watch::Sender<ConfigState>,
    /// Whether to log a reload without changes: it was requested by SIGHUP, or the one
    /// before was rejected.
    log_unchanged: bool,
}

impl Reload {
    pub(super) fn new(
        sources: Sources,
        started: Loaded,
        filter: LogFilter,
        hangup: Signal,
    ) -> Self {
        let latest = started.clone();
        let state = ConfigState::applied(&effective(&started, &latest), Vec::new());
        Self {
            sources,
            started,
            latest,
            filter,
            hangup,
            state: watch::channel(state).0,
            log_unchanged: false,
        }
    }

    /// Returns the state of the configuration, now and later.
    pub(super) fn state(&self) -> watch::Receiver<ConfigState> {
        self.state.subscribe()
    }

    /// Reloads forever. Without a `reload` it waits forever.
    pub(super) async fn watch(reload: Option<Self>, reloadable: &Reloadable) {
        match reload {
            Some(reload) => reload.run(reloadable).await,
            None => std::future::pending().await,
        }
    }

    async fn run(mut self, reloadable: &Reloadable) {
        let sources = self.sources.clone();
        let read = move || sources.file_content().filter(|content| !content.is_empty());
        // The file may have changed since startup, so its first content counts as a change.
        let mut file = ContentWatch::new(None, read);
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    self.log_unchanged = true;
                    file.skip().await;
                }
                _ = file.changed() => {}
            }
            self.reload(reloadable);
        }
    }

    fn reload(&mut self, reloadable: &Reloadable) {
        match Config::load(&self.sources) {
            Ok(loaded) if self.latest.uses_file() && !loaded.uses_file() => {
                let file = self.sources.file.as_deref().unwrap_or(Path::new(""));
                let problem = "has no settings any more; restore it, or restart to use defaults";
                let place = file.display().to_string();
                self.reject(&[(place.clone(), format!("{place}: {problem}"))]);
            }
            Ok(loaded) => self.apply(loaded, reloadable),
            Err(errors) => {
                let errors = errors.iter().map(|one| (one.place(), one.to_string()));
                self.reject(&errors.collect::<Vec<_>>());
            }
        }
    }

    /// Keeps the settings, and reports `errors`, each with its place.
    fn reject(&mut self, errors: &[(String, String)]) {
        let places = errors.iter().map(|(place, _)| place.clone()).collect();
        self.state.send_modify(|state| state.reject(places));
        self.log_unchanged = true;
        for (_, error) in errors {
            error!(error, "configuration rejected, keeping previous settings");
        }
    }

    fn apply(&mut self, loaded: Loaded, reloadable: &Reloadable) {
        // Apply before logging, so that the log line is true when it is read.
        reloadable.apply(&loaded.config);
        let pending = self.started.changed_keys(&loaded);
        let pending: Vec<_> = pending
            .iter()
            .filter(|key| !is_live(key))
            .map(ToString::to_string)
            .collect();
        let effective = effective(&self.started, &loaded);
        let state = ConfigState::applied(&effective, pending.clone());
        self.state.send_replace(state);
        let changed = self.latest.changed_keys(&loaded);
        let mut live = changed.iter().filter(|key| is_live(key)).peekable();
        if live.peek().is_some() {
            info!(config.changed = listed(live), "configuration reloaded");
        } else if self.log_unchanged {
            info!("configuration unchanged");
        }
        self.log_unchanged = false;
        self.log_new_warnings(&loaded);
        if !pending.is_empty() {
            warn!(
                config.pending = pending.join(", "),
                "changed keys need a restart to take effect"
            );
        }
        self.filter.set(&loaded.config.log.filter);
        self.latest = loaded;
    }

    /// Logs the warnings about the settings in effect that there were not before.
    fn log_new_warnings(&self, loaded: &Loaded) {
        let warnings = |latest: &Config| {
            let policy = latest.policy.clone();
            let started = self.started.config.clone();
            Config { policy, ..started }.warnings()
        };
        let known = warnings(&self.latest.config);
        let all = warnings(&loaded.config).into_iter();
        for warning in all.filter(|warning| !known.contains(warning)) {
            warn!("configuration: {warning}");
        }
    }
}

/// Returns whether a change of the key takes effect without a restart.
fn is_live(key: &KeyPath) -> bool {
    let key = key.to_string();
    let live = [
        "quota.",
        "checks.",
        "callers.",
        "profiles.",
        "admission.",
        "adaptive.",
        "log.",
    ];
    live.iter().any(|section| key.starts_with(section))
}

fn listed<'a>(keys: impl Iterator<Item = &'a KeyPath>) -> String {
    keys.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns a line for each setting in effect: as in `started` if a change of it needs a
/// restart, else as in `latest`.
fn effective(started: &Loaded, latest: &Loaded) -> Vec<String> {
    let fixed = started.resolved.iter().filter(|one| !is_live(&one.key));
    let live = latest.resolved.iter().filter(|one| is_live(&one.key));
    fixed.chain(live).map(ResolvedSetting::to_string).collect()
}
