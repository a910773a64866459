//! Reload: applies new rates, weights, caller limits, permissions and profiles without a
//! restart.
//!
//! All sources are loaded again on SIGHUP, and when the content of the file has changed
//! and then stayed the same for a second. A file with errors is rejected as a whole: the
//! errors are logged and the settings stay in effect. Changed keys that need a restart are
//! logged.
//!
//! For example, the file now has `quota.create.rate_per_second = 50.0` and `grpc.listen =
//! "0.0.0.0:50051"`. The rate is 50 at once, waiting requests keep their position, and the
//! log reports that `grpc.listen` needs a restart.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::reloadable::Reloadable;
use crate::change::ContentWatch;
use crate::config::{Config, ConfigErrors, KeyPath, Loaded, Sources};
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
    /// Whether to log a reload without changes: it was requested by SIGHUP, or the one
    /// before was rejected.
    log_unchanged: bool,
}

impl Reload {
    pub(super) fn new(
        sources: Sources,
        started: Loaded,
        filter: LogFilter,
    ) -> std::io::Result<Self> {
        let latest = started.clone();
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self {
            sources,
            started,
            latest,
            filter,
            hangup,
            log_unchanged: false,
        })
    }

    /// Reloads forever. Without a `reload` it waits forever.
    pub(super) async fn watch(reload: Option<Self>, reloadable: &Reloadable) {
        match reload {
            Some(reload) => reload.run(reloadable).await,
            None => std::future::pending().await,
        }
    }

    async fn run(mut self, reloadable: &Reloadable) {
        let path = self.sources.file.clone();
        let read = move || std::fs::read(path.as_ref()?).ok();
        // The file may have changed since startup, so its first content counts as a change.
        let mut file =
            ContentWatch::new(None, move || read().filter(|content| !content.is_empty()));
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
            Ok(loaded) => self.apply(loaded, reloadable),
            Err(errors) => {
                log_rejected(&errors);
                self.log_unchanged = true;
            }
        }
    }

    fn apply(&mut self, loaded: Loaded, reloadable: &Reloadable) {
        // Apply before logging, so that the log line is true when it is read.
        reloadable.apply(&loaded.config);
        let changed = self.latest.changed_keys(&loaded);
        let mut live = changed.iter().filter(|key| is_live(key)).peekable();
        if live.peek().is_some() {
            info!(config.changed = listed(live), "configuration reloaded");
        } else if self.log_unchanged {
            info!("configuration unchanged");
        }
        self.log_unchanged = false;
        let pending = self.started.changed_keys(&loaded);
        let mut pending = pending.iter().filter(|key| !is_live(key)).peekable();
        if pending.peek().is_some() {
            warn!(
                config.pending = listed(pending),
                "changed keys need a restart to take effect"
            );
        }
        self.filter.set(&loaded.config.log.filter);
        self.latest = loaded;
    }
}

/// Returns whether a change of the key takes effect without a restart.
fn is_live(key: &KeyPath) -> bool {
    let key = key.to_string();
    let live = [
        "quota.",
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

fn log_rejected(errors: &ConfigErrors) {
    for error in errors.iter() {
        error!(%error, "configuration rejected, keeping previous settings");
    }
}
