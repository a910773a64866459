//! Metrics by caller, for a bounded number of callers.
//!
//! Callers that the configuration names always have series of their own, also after a
//! reload. Of the other callers, [`MAX_UNNAMED`] have series of their own; all further
//! callers share the series `_overflow`, which is not a valid caller name. An unnamed caller
//! without requests for ten minutes loses its series to a new caller. A caller that a reload
//! removes from the names loses its series.
//!
//! For example, `payments` is named and 40 other callers send requests. There are 34 series:
//! `payments`, 32 other callers, and `_overflow` for the remaining 8.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::model::{CallerId, Operation};

/// The maximum number of unnamed callers with series of their own.
const MAX_UNNAMED: usize = 32;

/// How long an unnamed caller keeps its series without requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// All operations: the series of a caller are removed for all of them.
const OPERATIONS: [Operation; 2] = [Operation::Create, Operation::Results];

/// The counters of all callers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct CallerMetrics {
    attempts: Family<CallerLabels, Counter>,
    refusals: Family<CallerLabels, Counter>,
    /// By the section of the limit instead of the caller.
    shadow_refusals: Family<CallerLabels, Counter>,
    tracked: Arc<Mutex<TrackedCallers>>,
}

/// The callers with series of their own. Invariant: no caller is in both.
#[derive(Debug, Default)]
struct TrackedCallers {
    named: HashSet<CallerId>,
    /// With the time of the last request.
    unnamed: HashMap<CallerId, Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallerLabels {
    operation: Operation,
    caller: String,
}

impl CallerMetrics {
    pub(super) fn register(registry: &mut Registry, named: HashSet<CallerId>) -> Self {
        let metrics = Self::default();
        metrics.set_named(named);
        registry.register(
            "livegate_caller_attempts",
            "Quota tokens that each caller used; limit a caller with \
             callers.NAME.max_rate_per_second",
            metrics.attempts.clone(),
        );
        registry.register(
            "livegate_caller_refusals",
            "Requests and retries of each caller that got no permit; compare with the quota tokens \
             that other callers used",
            metrics.refusals.clone(),
        );
        registry.register(
            "livegate_admission_shadow_refusals",
            "Attempts that max_rate_mode = \"enforce\" would have refused, by the section of the \
             caller: its name, a pattern or default",
            metrics.shadow_refusals.clone(),
        );
        metrics
    }

    /// Replaces the named callers. A caller that already has series keeps them and no longer
    /// counts towards [`MAX_UNNAMED`].
    pub(super) fn set_named(&self, named: HashSet<CallerId>) {
        let mut tracked = self.tracked.lock();
        tracked.unnamed.retain(|caller, _| !named.contains(caller));
        for caller in tracked.named.difference(&named) {
            self.remove_series(caller);
        }
        tracked.named = named;
        // The sections may have changed, and only they bound the number of series.
        self.shadow_refusals.clear();
    }

    /// Counts an attempt of `caller`, which uses a quota token.
    pub(super) fn count_attempt(&self, operation: Operation, caller: &CallerId, now: Instant) {
        self.count(&self.attempts, operation, caller, now);
    }

    /// Counts a request of `caller` that got no permit.
    pub(super) fn count_refusal(&self, operation: Operation, caller: &CallerId, now: Instant) {
        self.count(&self.refusals, operation, caller, now);
    }

    /// Counts an attempt that the limit of `section`, in shadow mode, would have refused.
    pub(super) fn count_shadow_refusal(&self, operation: Operation, section: &str) {
        let caller = section.to_owned();
        let refusals = &self.shadow_refusals;
        refusals
            .get_or_create(&CallerLabels { operation, caller })
            .inc();
    }

    fn count(
        &self,
        family: &Family<CallerLabels, Counter>,
        operation: Operation,
        caller: &CallerId,
        now: Instant,
    ) {
        // Hold the lock while counting. Otherwise a series could be created again after its
        // caller was removed, and would never be removed.
        let mut tracked = self.tracked.lock();
        let caller = if self.track(&mut tracked, caller, now) {
            caller.as_str()
        } else {
            CallerId::OVERFLOW
        };
        let caller = caller.to_owned();
        family
            .get_or_create(&CallerLabels { operation, caller })
            .inc();
    }

    /// Gives `caller` series of its own if the bound allows, and returns whether it has them.
    fn track(&self, tracked: &mut TrackedCallers, caller: &CallerId, now: Instant) -> bool {
        if tracked.named.contains(caller) {
            return true;
        }
        let unnamed = &mut tracked.unnamed;
        if let Some(last) = unnamed.get_mut(caller) {
            *last = now;
            return true;
        }
        if unnamed.len() >= MAX_UNNAMED {
            let Some(idle) = longest_idle(unnamed, now) else {
                return false;
            };
            unnamed.remove(&idle);
            self.remove_series(&idle);
        }
        unnamed.insert(caller.clone(), now);
        true
    }

    fn remove_series(&self, caller: &CallerId) {
        for operation in OPERATIONS {
            let caller = caller.as_str().to_owned();
            let labels = CallerLabels { operation, caller };
            self.attempts.remove(&labels);
            self.refusals.remove(&labels);
        }
    }
}

/// Returns the caller with the oldest last request, if that is older than [`IDLE_TIMEOUT`].
fn longest_idle(unnamed: &HashMap<CallerId, Instant>, now: Instant) -> Option<CallerId> {
    let (caller, last) = unnamed.iter().min_by_key(|(_, last)| **last)?;
    (now.saturating_duration_since(*last) >= IDLE_TIMEOUT).then(|| caller.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> CallerId {
        CallerId::new(name).expect("a valid name")
    }

    fn page(registry: &Registry) -> String {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, registry).unwrap();
        page
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_the_bound_share_one_series_and_a_named_caller_keeps_its_own() {
        let mut registry = Registry::default();
        let named = HashSet::from([caller("payments")]);
        let metrics = CallerMetrics::register(&mut registry, named);
        let now = Instant::now();
        for number in 0..1000 {
            metrics.count_attempt(Operation::Create, &caller(&format!("c{number}")), now);
        }
        metrics.count_attempt(Operation::Create, &caller("payments"), now);
        let page = page(&registry);
        assert_eq!(
            page.matches("livegate_caller_attempts_total{").count(),
            MAX_UNNAMED + 2
        );
        let of = |caller: &str| format!("{{operation=\"create\",caller=\"{caller}\"}}");
        assert!(page.contains(&format!("{} 1\n", of("payments"))), "{page}");
        assert!(
            page.contains(&format!(
                "{} {}\n",
                of(CallerId::OVERFLOW),
                1000 - MAX_UNNAMED
            )),
            "{page}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_is_idle_for_ten_minutes_loses_its_series_to_a_new_one() {
        let mut registry = Registry::default();
        let metrics = CallerMetrics::register(&mut registry, HashSet::new());
        let now = Instant::now();
        for number in 0..MAX_UNNAMED {
            metrics.count_attempt(Operation::Create, &caller(&format!("c{number}")), now);
        }
        metrics.count_refusal(
            Operation::Results,
            &caller("late"),
            now + IDLE_TIMEOUT - Duration::from_secs(1),
        );
        assert!(!page(&registry).contains("late"));
        metrics.count_refusal(Operation::Results, &caller("late"), now + IDLE_TIMEOUT);
        let page = page(&registry);
        assert!(
            page.contains("operation=\"results\",caller=\"late\"} 1\n"),
            "{page}"
        );
        assert_eq!(
            page.matches("livegate_caller_attempts_total{").count(),
            MAX_UNNAMED - 1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn set_named_adds_and_removes_series() {
        let mut registry = Registry::default();
        let metrics = CallerMetrics::register(&mut registry, HashSet::from([caller("before")]));
        let now = Instant::now();
        let count = |name: &str| metrics.count_attempt(Operation::Create, &caller(name), now);
        for number in 0..MAX_UNNAMED {
            count(&format!("c{number}"));
        }
        count("before");
        count("late");
        let value = |name: &str| {
            let page = page(&registry);
            let label = format!("{{operation=\"create\",caller=\"{name}\"}} ");
            let line = page.lines().find_map(|line| line.split_once(&label));
            line.map(|(_, value)| value.parse::<usize>().unwrap())
        };
        assert_eq!((value("late"), value(CallerId::OVERFLOW)), (None, Some(1)));

        metrics.set_named(HashSet::from([caller("late"), caller("c0")]));
        assert_eq!((value("before"), value("c0")), (None, Some(1)));
        for name in ["late", "c0", "before"] {
            count(name);
        }
        assert_eq!((value("late"), value("c0")), (Some(1), Some(2)));
        assert_eq!(
            value("before"),
            Some(1),
            "c0 no longer counts towards the bound"
        );
        count("another");
        assert_eq!(
            (value("another"), value(CallerId::OVERFLOW)),
            (None, Some(2))
        );
    }
}
