//! When the next slot is there: the bucket, at the configured rate times the
//! adaptive factor.
//!
//! Timers tick in milliseconds, and a bucket of one token that is reached late
//! would lose the time between. So a slot that was awaited when it came due is
//! taken as of then, by at most [`TICK`]: in any window there are never more than
//! rate x (time + a tick) + burst.
//!
//! An example: 24.5 slots a second, one is due at 40.8 ms and awaited. The task
//! wakes at 41 ms and takes it as of 40.8; the next one is due at 81.6 ms, not
//! at 81.8.

use std::time::Duration;

use tokio::time::Instant;

use super::adaptive::AdaptiveFactor;
use super::local::LocalBucket;
use super::queue::Supply;
use super::{AdmissionSettings, AdmissionState};

/// How late a timer may be at no loss.
const TICK: Duration = Duration::from_millis(2);

/// The pace at which slots come.
pub(super) struct Pace {
    bucket: LocalBucket,
    factor: AdaptiveFactor,
    spendable_per_second: f64,
    adaptive: bool,
    /// Since when somebody has been ready for a slot and there was none.
    awaited: Option<Instant>,
}

impl Pace {
    /// The pace that `settings` ask for, with an empty bucket.
    pub(super) fn starting(now: Instant, settings: &AdmissionSettings) -> Self {
        let rate = settings.quota.spendable_per_second();
        Self {
            bucket: LocalBucket::starting(now, rate, settings.quota.burst),
            factor: AdaptiveFactor::starting(now),
            spendable_per_second: rate,
            adaptive: settings.adaptive,
            awaited: None,
        }
    }

    /// Goes by other settings; what the bucket holds is no more than before.
    pub(super) fn apply(&mut self, now: Instant, settings: &AdmissionSettings) {
        if !settings.adaptive {
            self.factor = AdaptiveFactor::starting(now);
        }
        self.adaptive = settings.adaptive;
        self.spendable_per_second = settings.quota.spendable_per_second();
        self.bucket.set_burst(now, settings.quota.burst);
    }

    /// An attempt was throttled.
    pub(super) fn throttled(&mut self, now: Instant) {
        if self.adaptive {
            self.factor.throttled(now);
        }
    }

    /// Brings the rate up to date.
    pub(super) fn adapt(&mut self, now: Instant) {
        self.factor.climb(now);
        let rate = self.spendable_per_second * self.factor.get();
        if (rate - self.bucket.rate()).abs() > f64::EPSILON {
            self.bucket.set_rate(now, rate);
            // The bucket cannot look back beyond a change of rate.
            self.awaited = self.awaited.map(|_| now);
        }
    }

    /// When the rate is next due to change by itself.
    pub(super) fn next_climb(&self) -> Option<Instant> {
        self.factor.next_climb()
    }

    /// When the next slot can be taken: not after `now` where one is there.
    pub(super) fn next_slot(&self, now: Instant) -> Instant {
        let earliest = now.checked_sub(TICK).unwrap_or(now);
        let from = self.awaited.map_or(now, |awaited| awaited.max(earliest));
        self.bucket.next_at(from).min(self.bucket.next_at(now))
    }

    /// Takes a slot, where one is there.
    pub(super) fn take(&mut self, now: Instant) -> bool {
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
    pub(super) fn put_back(&self) {
        self.bucket.put_back();
    }

    /// Somebody is ready for a slot, and there is none.
    pub(super) fn is_awaited(&mut self, now: Instant) {
        self.awaited.get_or_insert(now);
    }

    /// Nobody is ready for a slot.
    pub(super) fn is_not_awaited(&mut self) {
        self.awaited = None;
    }

    /// What slots there are, and will be.
    pub(super) fn supply(&self, now: Instant) -> Supply {
        Supply {
            level: self.bucket.level(now),
            rate: self.bucket.rate(),
        }
    }

    /// What a door at this pace looks like.
    pub(super) fn state(&self, now: Instant, waiting: usize, callers: usize) -> AdmissionState {
        AdmissionState {
            waiting,
            callers,
            rate_per_second: self.bucket.rate(),
            adaptive_factor: self.factor.get(),
            level: self.bucket.level(now),
        }
    }
}
