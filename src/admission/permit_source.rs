//! When the next slot is there: the bucket, at the configured rate times the
//! adaptive factor; or, where replicas share the quota, what is reserved of it,
//! and the bucket at a share of the rate only while the store does not answer.
//!
//! Timers tick in milliseconds, and a bucket of one token that is reached late
//! would lose the time between. So a slot that was awaited when it came due is
//! taken as of then, by at most [`TICK`]: in any window there are never more than
//! rate x (time + a tick) + burst.
//!
//! An example: 24.5 slots a second, one is due at 40.8 ms and awaited. The task
//! wakes at 41 ms and takes it as of 40.8; the next one is due at 81.6 ms, not
//! at 81.8.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::adaptive::AdaptiveFactor;
use super::local::LocalBucket;
use super::queue::Availability;
use super::shared::{News, SharedSlots, Work};
use super::{AdmissionSettings, AdmissionState, QuotaSettings};

/// How late a timer may be at no loss.
const TICK: Duration = Duration::from_millis(2);

/// It never comes by itself: a slot that nobody has reserved.
const NEVER: Duration = Duration::from_secs(3600);

/// The pace at which slots come.
pub(super) struct PermitSource {
    bucket: LocalBucket,
    factor: AdaptiveFactor,
    quota: QuotaSettings,
    adaptive: bool,
    /// Since when somebody has been ready for a slot and there was none.
    awaited: Option<Instant>,
    /// Where replicas share the quota: what is reserved.
    shared: Option<SharedSlots>,
}

impl PermitSource {
    /// The pace that `settings` ask for, with an empty bucket.
    pub(super) fn starting(
        now: Instant,
        settings: &AdmissionSettings,
        shared: Option<SharedSlots>,
    ) -> Self {
        let quota = settings.quota.clone();
        let mut pace = Self {
            bucket: LocalBucket::new(now, quota.spendable_per_second(), quota.burst),
            factor: AdaptiveFactor::new(now),
            quota,
            adaptive: settings.adaptive,
            awaited: None,
            shared,
        };
        pace.empty_bucket(now);
        pace
    }

    /// Goes by other settings; what the bucket holds is no more than before.
    pub(super) fn apply(&mut self, now: Instant, settings: &AdmissionSettings) {
        if !settings.adaptive {
            self.factor = AdaptiveFactor::new(now);
        }
        self.adaptive = settings.adaptive;
        self.quota = settings.quota.clone();
        self.bucket.set_burst(now, self.local_burst());
    }

    /// News of the quota that replicas share; says whether this one is alone only
    /// now, or no more, or at another share.
    pub(super) fn hear(&mut self, news: News, now: Instant) -> bool {
        let Some(shared) = &mut self.shared else {
            return false;
        };
        let turned = shared.hear(news, now);
        if let (true, Some((factor, age))) = (self.adaptive, shared.factor()) {
            self.factor.set(factor, age, now);
        }
        if turned {
            self.empty_bucket(now);
        }
        turned
    }

    /// Starts the bucket of this process anew, empty, at its share of the rate.
    fn empty_bucket(&mut self, now: Instant) {
        self.bucket = LocalBucket::new(now, self.local_rate(), self.local_burst());
        self.awaited = None;
    }

    /// What is reserved, as long as the store answers.
    fn together(&self) -> Option<&SharedSlots> {
        self.shared.as_ref().filter(|slots| slots.alone().is_none())
    }

    fn together_mut(&mut self) -> Option<&mut SharedSlots> {
        self.shared.as_mut().filter(|slots| slots.alone().is_none())
    }

    /// The rate that all replicas have together.
    fn rate(&self) -> f64 {
        self.quota.spendable_per_second() * self.factor.get()
    }

    /// The share of it that this process has by itself.
    fn local_share(&self) -> f64 {
        self.shared
            .as_ref()
            .and_then(SharedSlots::alone)
            .unwrap_or(1.0)
    }

    fn local_rate(&self) -> f64 {
        self.rate() * self.local_share()
    }

    fn local_burst(&self) -> NonZeroU32 {
        let burst = f64::from(self.quota.burst.get()) * self.local_share();
        NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN)
    }

    /// An attempt was throttled.
    pub(super) fn throttled(&mut self, now: Instant) {
        if !self.adaptive {
            return;
        }
        self.factor.increase(now);
        let before = self.factor.get();
        self.factor.record_throttle(now);
        let after = self.factor.get();
        if let (true, Some(shared)) = (after < before, self.together()) {
            shared.cut(after);
        }
    }

    /// Brings the rate up to date.
    pub(super) fn adapt(&mut self, now: Instant) {
        self.factor.increase(now);
        if let Some(shared) = &self.shared {
            shared.go_by(self.rate(), self.quota.burst, self.quota.max_wait);
        }
        let rate = self.local_rate();
        if (rate - self.bucket.rate()).abs() > f64::EPSILON {
            self.bucket.set_rate(now, rate);
            // The bucket cannot look back beyond a change of rate.
            self.awaited = self.awaited.map(|_| now);
        }
    }

    /// When the rate is next due to change by itself.
    pub(super) fn next_climb(&self) -> Option<Instant> {
        self.factor.next_increase()
    }

    /// When the next slot can be taken: not after `now` where one is there.
    pub(super) fn next_slot(&self, now: Instant) -> Instant {
        if let Some(shared) = self.together() {
            return shared.due().unwrap_or(now + NEVER);
        }
        let earliest = now.checked_sub(TICK).unwrap_or(now);
        let from = self.awaited.map_or(now, |awaited| awaited.max(earliest));
        self.bucket.next_at(from).min(self.bucket.next_at(now))
    }

    /// Takes a slot, where one is there.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if let Some(shared) = self.together_mut() {
            return shared.take(now);
        }
        let due = self.next_slot(now);
        let taken_as_of = |at| self.bucket.take(at).is_ok().then_some(at);
        // Rounded to nanoseconds a slot may come due a hair after it was.
        let taken = (due <= now)
            .then(|| taken_as_of(due).or_else(|| taken_as_of(now)))
            .flatten();
        if self.awaited.is_some() {
            self.awaited = Some(taken.unwrap_or(now));
        }
        taken.is_some()
    }

    /// A slot that was taken was of no use to anyone.
    pub(super) fn put_back(&mut self, now: Instant) {
        match self.together_mut() {
            Some(shared) => shared.put_back(now),
            None => self.bucket.return_token(),
        }
    }

    /// Some of `waiting` are ready for a slot, and there is none.
    pub(super) fn is_awaited(&mut self, now: Instant, waiting: usize, work: impl FnOnce() -> Work) {
        match self.together_mut() {
            Some(shared) => shared.is_awaited(waiting, work),
            None => {
                self.awaited.get_or_insert(now);
            }
        }
    }

    /// Nobody is ready for a slot.
    pub(super) fn is_not_awaited(&mut self, now: Instant) {
        self.awaited = None;
        if let Some(shared) = self.together_mut() {
            shared.is_not_awaited(now);
        }
    }

    /// What slots there are, and what can be expected of those to come.
    pub(super) fn availability(&self, now: Instant) -> Availability {
        let rate = self.own_rate() * self.factor.expected(now) / self.factor.get();
        let level = match self.together() {
            Some(shared) => shared.level(now, self.rate(), self.quota.burst),
            None => self.bucket.level(now),
        };
        Availability { level, rate }
    }

    /// The rate at which this process has slots now.
    fn own_rate(&self) -> f64 {
        match self.together() {
            Some(shared) => self.rate() * shared.own_share(),
            None => self.bucket.rate(),
        }
    }

    /// What a door at this pace looks like.
    pub(super) fn state(&self, now: Instant, waiting: usize, callers: usize) -> AdmissionState {
        let shared = self.shared.as_ref();
        AdmissionState {
            waiting,
            callers,
            rate_per_second: self.own_rate(),
            adaptive_factor: self.factor.get(),
            level: self.availability(now).level,
            degraded: shared.is_some_and(|slots| slots.alone().is_some()),
            replicas: shared.map_or(1, SharedSlots::replicas),
        }
    }
}
