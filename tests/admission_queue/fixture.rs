//! A fair queue whose callers are named by letters.

use std::collections::HashMap;
use std::num::NonZeroU32;

use livegate::admission::queue::{ArrivalKind, Availability, Cause, FairQueue, Ticket};
use livegate::admission::{CallerLimits, QueueSettings, Weight};
use livegate::model::{CallerGlob, CallerGlobs, CallerId, PerCaller};
use tokio::time::Instant;

pub(crate) const TEN_PER_SECOND: Availability = Availability {
    level: 0.0,
    rate: 10.0,
};

pub(crate) fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a plain name")
}

pub(crate) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

pub(crate) fn weighted(weight: u32) -> CallerLimits {
    CallerLimits {
        weight: Weight::new(weight).expect("1 to 100"),
        ..CallerLimits::default()
    }
}

pub(crate) fn named(limits: &[(&str, CallerLimits)]) -> QueueSettings {
    let named = limits
        .iter()
        .map(|(name, limits)| (caller(name), limits.clone()));
    QueueSettings {
        limits: PerCaller {
            named: named.collect(),
            ..PerCaller::default()
        },
        ..QueueSettings::default()
    }
}

/// Returns the settings of callers that match `pattern`.
pub(crate) fn of_pattern(pattern: &str, limits: CallerLimits) -> QueueSettings {
    let glob = CallerGlob::parse(pattern).expect("a pattern");
    let mut settings = QueueSettings::default();
    settings.limits.globs = CallerGlobs::new([(glob, limits)]).expect("one pattern");
    settings
}

/// A queue whose payloads are the caller's name and the number of its request.
pub(crate) struct TestQueue {
    pub(crate) inner: FairQueue<(String, u32)>,
    numbers: HashMap<String, u32>,
    pub(crate) now: Instant,
}

impl TestQueue {
    pub(crate) fn new(settings: QueueSettings) -> Self {
        Self {
            inner: FairQueue::new(settings),
            numbers: HashMap::new(),
            now: Instant::now(),
        }
    }

    pub(crate) fn enter(&mut self, name: &str, kind: ArrivalKind) -> Result<Ticket, Cause> {
        let key = self.inner.record_arrival(&caller(name), kind, self.now);
        let number = self.numbers.entry(name.to_owned()).or_default();
        *number += 1;
        self.inner.push(key, kind, (name.to_owned(), *number))
    }

    pub(crate) fn arrive(&mut self, name: &str) -> Ticket {
        self.enter(name, ArrivalKind::New)
            .expect("the queue is not full")
    }

    pub(crate) fn pop(&mut self) -> Option<(String, u32)> {
        self.inner.pop(self.now).map(|(_, request)| request)
    }

    /// Returns the callers that get the next `tokens` tokens, one letter each.
    pub(crate) fn pops(&mut self, tokens: usize) -> String {
        let next = (0..tokens).map_while(|_| self.pop());
        next.map(|(name, _)| name).collect()
    }

    /// Predicts the tokens until a new request of `name` gets one.
    pub(crate) fn predicted_tokens(&mut self, name: &str) -> f64 {
        let key = self
            .inner
            .record_arrival(&caller(name), ArrivalKind::New, self.now);
        let prediction = self
            .inner
            .predict(key, ArrivalKind::New, TEN_PER_SECOND, self.now);
        prediction.wait.as_secs_f64() * TEN_PER_SECOND.rate
    }
}
