//! Reload: other rates, weights, ceilings, rules and profiles without a restart.
//!
//! On SIGHUP, and when the content of the file has changed and then stayed (it is
//! read again each second: a Kubernetes `ConfigMap` is a symlink that is swapped, which no watch on
//! the file would see), all sources are merged again. A file with mistakes is
//! refused whole, with its mistakes in the log, and the settings stay as they are.
//! Keys that need a restart are named and left for it.
//!
//! An example: the file now says `quota.create.rate_per_second = 50.0` and
//! `grpc.listen = "0.0.0.0:50051"`. The rate is 50 from this moment on and nobody
//! in the line loses the place; the log says that `grpc.listen` needs a restart.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::doors::Doors;
use crate::config::{Config, ConfigErrors, KeyPath, Loaded, Sources};
use crate::telemetry::LogFilter;

/// How often the file is read.
const POLL_EACH: Duration = Duration::from_secs(1);

/// What the settings were loaded from, to load them again.
#[derive(Debug)]
pub(super) struct Reload {
    sources: Sources,
    /// What the process started with: of keys that need a restart, what runs.
    started: Loaded,
    /// What was loaded last: of all other keys, what runs.
    latest: Loaded,
    /// Which lines are logged.
    filter: LogFilter,
    hangup: Signal,
    /// Whether somebody waits to read what came of a reload: it was asked for, or
    /// the one before was refused.
    awaited: bool,
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
            awaited: false,
        })
    }

    /// Reloads for ever; where nobody is to, it waits for ever.
    pub(super) async fn watch(reload: Option<Self>, doors: &Doors) {
        match reload {
            Some(reload) => reload.go_on(doors).await,
            None => std::future::pending().await,
        }
    }

    async fn go_on(mut self, doors: &Doors) {
        let mut poll = interval(POLL_EACH);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What the file held when it was loaded nobody knows by now: it may have
        // changed since, so the first look loads it again.
        let mut content = None;
        let mut seen = None;
        loop {
            let asked = tokio::select! {
                _ = self.hangup.recv() => true,
                _ = poll.tick() => false,
            };
            self.awaited |= asked;
            let now = self.read().await;
            // A writer may be half way: what changed must be the same twice.
            let settled = now == seen;
            seen = now.clone();
            if asked || (settled && now != content) {
                content = now;
                self.reload(doors);
            }
        }
    }

    async fn read(&self) -> Option<Vec<u8>> {
        let path: &Path = self.sources.file.as_deref()?;
        tokio::fs::read(path)
            .await
            .ok()
            .filter(|content| !content.is_empty())
    }

    fn reload(&mut self, doors: &Doors) {
        match Config::load(&self.sources) {
            Ok(loaded) => self.apply(loaded, doors),
            Err(mistakes) => {
                log_refused(&mistakes);
                self.awaited = true;
            }
        }
    }

    fn apply(&mut self, loaded: Loaded, doors: &Doors) {
        // Whoever reads that it is loaded finds it so.
        doors.apply(&loaded.config);
        let changed = self.latest.changed_keys(&loaded);
        let mut live = changed.iter().filter(|key| is_live(key)).peekable();
        if live.peek().is_some() {
            info!(config.changed = listed(live), "configuration loaded again");
        } else if self.awaited {
            info!("configuration read again: nothing changes by it");
        }
        self.awaited = false;
        let pending = self.started.changed_keys(&loaded);
        let mut pending = pending.iter().filter(|key| !is_live(key)).peekable();
        if pending.peek().is_some() {
            warn!(
                config.pending = listed(pending),
                "these keys need a restart to take effect"
            );
        }
        self.filter.set(&loaded.config.log.filter);
        self.latest = loaded;
    }
}

/// Whether a key takes effect while requests wait.
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

fn log_refused(mistakes: &ConfigErrors) {
    for mistake in mistakes.iter() {
        error!(%mistake, "configuration refused: the settings stay as they are");
    }
}
