//! Who uses the quota: what is counted by caller, and for how many callers.
//!
//! Callers that the configuration names always have a series of their own, also
//! where a reload names them. Of _overflow [`MOST`] have one; beyond them all are
//! counted as one, under a name that no caller can have. Whoever was not seen for ten
//! minutes makes room, and whoever is named no more begins again as one of them.
//!
//! An example: `payments` is named, and 40 others call. There are 34 series:
//! `payments`, 32 of the others, and `_overflow` for the last 8.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::model::CallerId;

/// Callers that have a series though nobody named them.
const MOST: usize = 32;

/// Whoever was not seen for so long makes room.
const IDLE: Duration = Duration::from_secs(600);

/// What callers ask for: whoever is forgotten is so in all of it.
const OPERATIONS: [&str; 2] = ["create", "results"];

/// A caller's name has no space.
const OTHERS: &str = "_overflow";

/// The counters of all callers. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct CallerMetrics {
    attempts: Family<Labels, Counter>,
    refusals: Family<Labels, Counter>,
    known: Arc<Mutex<Known>>,
}

/// Who has a series. Invariant: nobody is in both.
#[derive(Debug, Default)]
struct Known {
    named: HashSet<CallerId>,
    seen: HashMap<CallerId, Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: &'static str,
    caller: String,
}

impl CallerMetrics {
    pub(super) fn register(registry: &mut Registry, named: HashSet<CallerId>) -> Self {
        let metrics = Self::default();
        metrics.name(named);
        registry.register(
            "livegate_caller_attempts",
            "Calls of the quota that each caller spent; who takes too much can be held by \
             callers.NAME.max_rate_per_second",
            metrics.attempts.clone(),
        );
        registry.register(
            "livegate_caller_refusals",
            "Requests and retries of each caller that got no slot; compare with what the others spent",
            metrics.refusals.clone(),
        );
        metrics
    }

    /// Callers that are `named`, and no others, have a series of their own whoever
    /// calls. One of those that have one already keeps it, and makes room.
    pub(super) fn name(&self, named: HashSet<CallerId>) {
        let mut known = self.lock();
        known.seen.retain(|caller, _| !named.contains(caller));
        for caller in known.named.difference(&named) {
            self.forget(caller);
        }
        known.named = named;
    }

    /// An attempt of `caller` leaves.
    pub(super) fn spent(&self, operation: &'static str, caller: &CallerId, now: Instant) {
        self.count(&self.attempts, operation, caller, now);
    }

    /// There was no slot for `caller`.
    pub(super) fn refused(&self, operation: &'static str, caller: &CallerId, now: Instant) {
        self.count(&self.refusals, operation, caller, now);
    }

    fn count(
        &self,
        family: &Family<Labels, Counter>,
        operation: &'static str,
        caller: &CallerId,
        now: Instant,
    ) {
        // Held until it is counted: who is forgotten in between would be back for good.
        let mut known = self.lock();
        let caller = if self.has_own(&mut known, caller, now) {
            caller.as_str().to_owned()
        } else {
            OTHERS.to_owned()
        };
        family.get_or_create(&Labels { operation, caller }).inc();
    }

    fn has_own(&self, known: &mut Known, caller: &CallerId, now: Instant) -> bool {
        if known.named.contains(caller) {
            return true;
        }
        let seen = &mut known.seen;
        if let Some(last) = seen.get_mut(caller) {
            *last = now;
            return true;
        }
        if seen.len() >= MOST {
            let Some(idle) = longest_idle(seen, now) else {
                return false;
            };
            seen.remove(&idle);
            self.forget(&idle);
        }
        seen.insert(caller.clone(), now);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, caller: &CallerId) {
        for operation in OPERATIONS {
            let caller = caller.as_str().to_owned();
            let labels = Labels { operation, caller };
            self.attempts.remove(&labels);
            self.refusals.remove(&labels);
        }
    }
}

fn longest_idle(seen: &HashMap<CallerId, Instant>, now: Instant) -> Option<CallerId> {
    let (caller, last) = seen.iter().min_by_key(|(_, last)| **last)?;
    (now.saturating_duration_since(*last) >= IDLE).then(|| caller.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> CallerId {
        CallerId::new(name).expect("a name")
    }

    fn page(registry: &Registry) -> String {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, registry).unwrap();
        page
    }

    #[tokio::test(start_paused = true)]
    async fn invented_names_share_one_series_and_a_named_caller_keeps_its_own() {
        let mut registry = Registry::default();
        let named = HashSet::from([caller("payments")]);
        let metrics = CallerMetrics::register(&mut registry, named);
        let now = Instant::now();
        for number in 0..1000 {
            metrics.spent("create", &caller(&format!("c{number}")), now);
        }
        metrics.spent("create", &caller("payments"), now);
        let page = page(&registry);
        assert_eq!(
            page.matches("livegate_caller_attempts_total{").count(),
            MOST + 2
        );
        let of = |caller: &str| format!("{{operation=\"create\",caller=\"{caller}\"}}");
        assert!(page.contains(&format!("{} 1\n", of("payments"))), "{page}");
        assert!(
            page.contains(&format!("{} {}\n", of(OTHERS), 1000 - MOST)),
            "{page}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_for_ten_minutes_makes_room_for_one_that_comes() {
        let mut registry = Registry::default();
        let metrics = CallerMetrics::register(&mut registry, HashSet::new());
        let now = Instant::now();
        for number in 0..MOST {
            metrics.spent("create", &caller(&format!("c{number}")), now);
        }
        metrics.refused(
            "results",
            &caller("late"),
            now + IDLE - Duration::from_secs(1),
        );
        assert!(!page(&registry).contains("late"));
        metrics.refused("results", &caller("late"), now + IDLE);
        let page = page(&registry);
        assert!(
            page.contains("operation=\"results\",caller=\"late\"} 1\n"),
            "{page}"
        );
        assert_eq!(
            page.matches("livegate_caller_attempts_total{").count(),
            MOST - 1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_named_later_has_its_own_from_then_on_and_who_is_no_more_has_none() {
        let mut registry = Registry::default();
        let metrics = CallerMetrics::register(&mut registry, HashSet::from([caller("before")]));
        let now = Instant::now();
        let spend = |name: &str| metrics.spent("create", &caller(name), now);
        for number in 0..MOST {
            spend(&format!("c{number}"));
        }
        spend("before");
        spend("late");
        let figure = |name: &str| {
            let page = page(&registry);
            let label = format!("{{operation=\"create\",caller=\"{name}\"}} ");
            let figure = page.lines().find_map(|line| line.split_once(&label));
            figure.map(|(_, figure)| figure.parse::<usize>().unwrap())
        };
        assert_eq!((figure("late"), figure(OTHERS)), (None, Some(1)));

        metrics.name(HashSet::from([caller("late"), caller("c0")]));
        assert_eq!((figure("before"), figure("c0")), (None, Some(1)));
        for name in ["late", "c0", "before"] {
            spend(name);
        }
        assert_eq!((figure("late"), figure("c0")), (Some(1), Some(2)));
        assert_eq!(figure("before"), Some(1), "c0 has made room");
        spend("another");
        assert_eq!((figure("another"), figure(OTHERS)), (None, Some(2)));
    }
}
