//! A queue and those who come to it, named by letters.

use std::collections::HashMap;
use std::num::NonZeroU32;

use livegate::admission::queue::{ArrivalKind, Availability, FairQueue, QueueFull, Ticket};
use livegate::admission::{CallerLimits, QueueSettings, Weight};
use livegate::model::{CallerId, PerCaller};
use tokio::time::Instant;

pub(crate) const NO_SLOT_YET: Availability = Availability {
    level: 0.0,
    rate: 10.0,
};

pub(crate) fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a plain name")
}

pub(crate) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

pub(crate) fn weighing(weight: u32) -> CallerLimits {
    CallerLimits {
        weight: Weight::new(weight).expect("1 to 100"),
        ..CallerLimits::default()
    }
}

pub(crate) fn named(policies: &[(&str, CallerLimits)]) -> QueueSettings {
    let named = policies
        .iter()
        .map(|(name, policy)| (caller(name), policy.clone()));
    QueueSettings {
        limits: PerCaller {
            named: named.collect(),
            ..PerCaller::default()
        },
        ..QueueSettings::default()
    }
}

/// A queue whose payloads say whose they are and which of theirs.
pub(crate) struct Scene {
    pub(crate) queue: FairQueue<(String, u32)>,
    numbers: HashMap<String, u32>,
    pub(crate) now: Instant,
}

impl Scene {
    pub(crate) fn new(policies: QueueSettings) -> Self {
        Self {
            queue: FairQueue::new(policies),
            numbers: HashMap::new(),
            now: Instant::now(),
        }
    }

    pub(crate) fn enter(&mut self, name: &str, entry: ArrivalKind) -> Result<Ticket, QueueFull> {
        let line = self.queue.record_arrival(&caller(name), entry, self.now);
        let number = self.numbers.entry(name.to_owned()).or_default();
        *number += 1;
        let payload = (name.to_owned(), *number);
        let vacancy = self.queue.vacant_position(line)?;
        Ok(vacancy.push(entry, |_| payload))
    }

    pub(crate) fn arrive(&mut self, name: &str) -> Ticket {
        self.enter(name, ArrivalKind::New).expect("there is room")
    }

    pub(crate) fn pop(&mut self) -> Option<(String, u32)> {
        self.queue.pop(self.now)
    }

    /// Who gets the next slots, one letter each.
    pub(crate) fn pops(&mut self, slots: usize) -> String {
        let next = (0..slots).map_while(|_| self.pop());
        next.map(|(name, _)| name).collect()
    }

    /// The slots until a newcomer of `name` has one, as foreseen.
    pub(crate) fn predicted_slots(&mut self, name: &str) -> f64 {
        let line = self
            .queue
            .record_arrival(&caller(name), ArrivalKind::New, self.now);
        let foreseen = self
            .queue
            .predict(line, ArrivalKind::New, NO_SLOT_YET, self.now);
        foreseen.wait.as_secs_f64() * NO_SLOT_YET.rate
    }
}
