//! The adaptive factor: how much of the configured rate to use while other clients
//! spend the same quota.
//!
//! The factor follows additive increase, multiplicative decrease
//! ([AIMD](https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease)).
//! A throttled attempt cuts the factor to 0.95 of its value, once for each epoch of
//! 500 ms, however many attempts are throttled in it. The factor increases by 0.001 for
//! each 250 ms in which no token was available, up to 1: without calls there is no
//! evidence that a higher rate would be accepted. It never falls below
//! 0.05. It knows no bucket.
//!
//! When another client starts to spend the quota, steps of 0.95 are too slow. The first
//! throttled attempt, and one at a factor well above the last cut, therefore starts a
//! *search*: of each sample of at least 10 attempts and 200 ms, the throttled share is
//! cut off as well. The search ends with a sample that is throttled no more than a
//! usual cut would correct. Without it 13 instead of 8 attempts are throttled in the first
//! 5 s.
//!
//! For example, another client takes 40 % of 25 calls a second. The first throttled
//! attempt cuts the factor to 0.95. Of the next 10 attempts 3 are throttled, which cuts
//! it to 0.67, and of the 10 after them 1, which cuts it to 0.6. After 60 s in
//! use without throttling it is 0.84.
//!
//! Cutting to the *delivered* rate instead collapses on a small quota, where 500 ms
//! deliver one call, or none.

use std::time::Duration;

use tokio::time::Instant;

const EPOCH: Duration = Duration::from_millis(500);
/// At 0.9 goodput falls by 11 % at twice the quota of 5; at 0.975, as with twice the
/// increase, too many attempts are throttled there.
const CUT_RATIO: f64 = 0.95;
const MIN_FACTOR: f64 = 0.05;
const INCREASE_INTERVAL: Duration = Duration::from_millis(250);
/// With half of it goodput falls by 9.6 % at twice the quota of 5.
const INCREASE_STEP: f64 = 0.001;

/// The fewest attempts of a sample: with fewer, chance decides the share. Without it
/// 99.2 % instead of 99.9 % are served at 0.8 times the quota of 5.
const SAMPLE_ATTEMPTS: u32 = 10;

/// The shortest sample. The effect of a cut is visible only after a round trip. Without it
/// `a_search_cuts_off_the_throttled_share_of_each_sample` fails; it matters at more than 50
/// calls a second.
const SAMPLE_TIME: Duration = Duration::from_millis(200);

/// The longest sample. A replica with fewer calls a second needs no search: an epoch
/// has so few of them that steps of 0.95 are fast enough. Without it fewer than 99.9 % are
/// served at 0.8 times the quota of 5, beside another tenant.
const MAX_SAMPLE_TIME: Duration = Duration::from_secs(1);

/// The most that one sample cuts off: from 0.05, the factor needs four minutes in use to
/// recover. Without it `a_sample_of_throttled_attempts_cuts_off_half` fails.
const MAX_SAMPLE_CUT: f64 = 0.5;

/// How far above the last cut a throttled attempt starts a search. Without this distance
/// goodput falls by 6.5 % at twice the quota of 50.
const SEARCH_ABOVE: f64 = 0.2;

/// The share of the configured rate in use: 0.05 to 1.
#[derive(Clone, Debug)]
pub(super) struct AdaptiveFactor {
    factor: f64,
    last_cut: Option<Cut>,
    /// The sample of the current search.
    sample: Option<Sample>,
    /// The time without an available token that is not yet part of an increase.
    in_use: Duration,
    updated_at: Instant,
}

/// A multiplicative decrease.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Instant,
    to: f64,
}

/// The attempts of a search since a cut.
#[derive(Clone, Copy, Debug)]
struct Sample {
    since: Instant,
    attempts: u32,
    throttled: u32,
}

impl Sample {
    fn new(since: Instant) -> Self {
        Self {
            since,
            attempts: 0,
            throttled: 0,
        }
    }
}

impl AdaptiveFactor {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            factor: 1.0,
            last_cut: None,
            sample: None,
            in_use: Duration::ZERO,
            updated_at: now,
        }
    }

    /// Returns the factor as of the last call.
    pub(super) fn get(&self) -> f64 {
        self.factor
    }

    /// Records that an attempt is made.
    pub(super) fn record_attempt(&mut self) {
        if let Some(sample) = &mut self.sample {
            sample.attempts += 1;
        }
    }

    /// Records that an attempt was throttled.
    pub(super) fn record_throttle(&mut self, now: Instant) {
        let same_epoch = self
            .last_cut
            .is_some_and(|cut| now.saturating_duration_since(cut.at) < EPOCH);
        let is_far_above = |cut: Cut| self.factor >= cut.to + SEARCH_ABOVE;
        if let Some(sample) = &mut self.sample {
            sample.throttled += 1;
        } else if self.last_cut.is_none_or(is_far_above) {
            self.sample = Some(Sample::new(now));
        }
        if let Some(share) = self.end_sample(now) {
            self.cut(1.0 - share.min(MAX_SAMPLE_CUT), now);
            return;
        }
        if !same_epoch {
            self.cut(CUT_RATIO, now);
        }
    }

    /// Returns the throttled share of a sample that is complete, if it exceeds a usual
    /// cut, and starts the next one. Otherwise a complete sample ends the search.
    fn end_sample(&mut self, now: Instant) -> Option<f64> {
        let sample = self.sample?;
        let took = now.saturating_duration_since(sample.since);
        if took < SAMPLE_TIME || (sample.attempts < SAMPLE_ATTEMPTS && took < MAX_SAMPLE_TIME) {
            return None;
        }
        let share = f64::from(sample.throttled) / f64::from(sample.attempts);
        let goes_on = share > 1.0 - CUT_RATIO && took < MAX_SAMPLE_TIME;
        self.sample = goes_on.then(|| Sample::new(now));
        goes_on.then_some(share)
    }

    fn cut(&mut self, ratio: f64, now: Instant) {
        self.factor = (self.factor * ratio).max(MIN_FACTOR);
        self.last_cut = Some(Cut {
            at: now,
            to: self.factor,
        });
    }

    /// Sets the factor to that of the store, which was in use for `in_use` since it was
    /// cut to `cut_to`.
    pub(super) fn set(&mut self, cut_to: f64, in_use: Duration, now: Instant) {
        let cut_to = cut_to.clamp(MIN_FACTOR, 1.0);
        // The store rounds to millionths.
        if self
            .last_cut
            .is_none_or(|cut| (cut.to - cut_to).abs() > 1e-6)
        {
            if cut_to < self.factor * CUT_RATIO * CUT_RATIO {
                // Another replica's sample made most of the sample here obsolete.
                self.sample = self.sample.map(|_| Sample::new(now));
            }
            self.last_cut = Some(Cut {
                at: now,
                to: cut_to,
            });
        }
        self.factor = cut_to;
        self.in_use = Duration::ZERO;
        self.increase(now, in_use);
    }

    /// Returns the time of the last call of [`increase`](Self::increase).
    pub(super) fn updated_at(&self) -> Instant {
        self.updated_at
    }

    /// Applies the additive increases that are due after `in_use` more time without an
    /// available token.
    pub(super) fn increase(&mut self, now: Instant, in_use: Duration) {
        self.in_use += in_use;
        self.updated_at = now;
        let steps = self.in_use.as_millis() / INCREASE_INTERVAL.as_millis();
        self.in_use -= INCREASE_INTERVAL * u32::try_from(steps).unwrap_or(u32::MAX);
        self.factor = (self.factor + INCREASE_STEP * steps as f64).min(1.0);
    }

    /// Returns when to apply the next increase; `None` at factor 1.
    pub(super) fn next_increase(&self) -> Option<Instant> {
        (self.factor < 1.0).then(|| self.updated_at + INCREASE_INTERVAL)
    }
}

#[cfg(test)]
mod tests;
