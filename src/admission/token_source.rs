//! When the next quota token is available.
//!
//! | configured | the bucket | its rate |
//! | --- | --- | --- |
//! | without a store | in this process: [`LocalBucket`] | quota x adaptive factor |
//! | with a store | in the store, for all replicas: [`SharedReservations`] is the view of it | the same |
//! | with a store that is unavailable | in this process: [`LocalBucket`] | this replica's share of that |

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::adaptive::AdaptiveFactor;
use super::local::LocalBucket;
use super::queue::Availability;
use super::shared::{CallerReport, Demand, SharedReservations, SharedState};
use super::{AdmissionSettings, AdmissionState, QuotaSettings};

/// The wait for a token while none is reserved.
const NEVER: Duration = Duration::from_secs(3600);

/// The source of the quota tokens that permits are granted for.
pub(super) struct TokenSource {
    bucket: LocalBucket,
    factor: AdaptiveFactor,
    quota: QuotaSettings,
    adaptive: bool,
    /// The rate that the limit of checks under way allows.
    check_rate: Option<f64>,
    /// The reservations, where replicas share the quota.
    shared: Option<SharedReservations>,
}

impl TokenSource {
    /// Returns a source with an empty bucket.
    pub(super) fn new(
        now: Instant,
        settings: &AdmissionSettings,
        shared: Option<SharedReservations>,
    ) -> Self {
        let quota = settings.quota.clone();
        let mut source = Self {
            bucket: LocalBucket::new(now, quota.spendable_per_second(), quota.burst),
            factor: AdaptiveFactor::new(now),
            quota,
            adaptive: settings.adaptive,
            check_rate: check_rate(settings),
            shared,
        };
        source.empty_bucket(now);
        source
    }

    /// Uses `settings` from now on. The bucket gains no tokens.
    pub(super) fn apply(&mut self, now: Instant, settings: &AdmissionSettings) {
        if !settings.adaptive {
            self.factor = AdaptiveFactor::new(now);
        }
        self.adaptive = settings.adaptive;
        self.quota = settings.quota.clone();
        self.check_rate = check_rate(settings);
        self.bucket.set_burst(now, self.local_burst());
    }

    /// Uses the state of the store. Returns whether the replica was isolated.
    pub(super) fn use_store_state(&mut self, state: SharedState, now: Instant) -> bool {
        let Some(shared) = &mut self.shared else {
            return false;
        };
        if self.adaptive {
            match state.factor {
                Some((factor, in_use)) => self.factor.set(factor, in_use, now),
                // A store that was emptied has forgotten it.
                None if self.factor.get() < 1.0 => shared.cut_factor(self.factor.get()),
                None => {}
            }
        }
        let was_isolated = shared.use_store_state(state, now);
        if was_isolated {
            self.empty_bucket(now);
        }
        was_isolated
    }

    /// Uses `share` of the rate from now on, and returns whether that is a change.
    pub(super) fn isolate(&mut self, share: f64, now: Instant) -> bool {
        let shared = self.shared.as_mut();
        let changed = shared.is_some_and(|shared| shared.isolate(share));
        if changed {
            self.empty_bucket(now);
        }
        changed
    }

    /// Adds tokens that are reserved in the store, and become available at `due`.
    pub(super) fn add_reserved(&mut self, calls: u32, due: Instant) {
        if let Some(shared) = &mut self.shared {
            shared.add(calls, due);
        }
    }

    /// Replaces the local bucket by an empty one at the local share of the rate.
    fn empty_bucket(&mut self, now: Instant) {
        self.bucket = LocalBucket::new(now, self.local_rate(), self.local_burst());
    }

    /// Returns the reservations while the store is available.
    fn shared(&self) -> Option<&SharedReservations> {
        let shared = self.shared.as_ref();
        shared.filter(|shared| shared.isolated_share.is_none())
    }

    fn shared_mut(&mut self) -> Option<&mut SharedReservations> {
        let shared = self.shared.as_mut();
        shared.filter(|shared| shared.isolated_share.is_none())
    }

    /// Returns the rate of all replicas together: what the quota and the limit of checks
    /// under way both allow.
    fn rate(&self) -> f64 {
        let quota_rate = self.quota_rate();
        self.check_rate
            .map_or(quota_rate, |rate| rate.min(quota_rate))
    }

    fn quota_rate(&self) -> f64 {
        self.quota.spendable_per_second() * self.factor.get()
    }

    /// Whether the limit of checks under way is lower than the quota.
    pub(super) fn is_limited_by_checks(&self) -> bool {
        let quota_rate = self.quota_rate();
        self.check_rate.is_some_and(|rate| rate < quota_rate)
    }

    /// Returns the share of the rate that the local bucket fills at.
    fn local_share(&self) -> f64 {
        self.shared
            .as_ref()
            .and_then(|shared| shared.isolated_share)
            .unwrap_or(1.0)
    }

    fn local_rate(&self) -> f64 {
        self.rate() * self.local_share()
    }

    fn local_burst(&self) -> NonZeroU32 {
        let burst = f64::from(self.quota.burst.get()) * self.local_share();
        NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN)
    }

    /// Records that an attempt was throttled, and cuts the rate.
    pub(super) fn record_throttle(&mut self, now: Instant) {
        if !self.adaptive {
            return;
        }
        let before = self.factor.get();
        self.factor.record_throttle(now);
        let after = self.factor.get();
        if let (true, Some(shared)) = (after < before, self.shared_mut()) {
            shared.cut_factor(after);
        }
    }

    /// Applies the current settings and factor to the rate.
    pub(super) fn update_rate(&mut self, now: Instant) {
        let since = self.factor.updated_at();
        // While shared, the store counts the time in use.
        let in_use_until = self
            .shared()
            .map_or_else(|| self.bucket.next_at(since), |_| since);
        self.factor.increase(now, in_use_until.min(now) - since);
        let rate = self.local_rate();
        if (rate - self.bucket.rate()).abs() > f64::EPSILON {
            self.bucket.set_rate(now, rate);
        }
    }

    /// Returns when the factor increases next.
    pub(super) fn next_increase(&self) -> Option<Instant> {
        self.factor.next_increase()
    }

    /// Returns when the next token can be taken: not after `now` where one is available.
    pub(super) fn next_token_at(&self, now: Instant) -> Instant {
        match self.shared() {
            Some(shared) => shared.due().unwrap_or(now + NEVER),
            None => self.bucket.next_at(now),
        }
    }

    /// Takes a token, and returns whether one was available.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let taken = match self.shared_mut() {
            Some(shared) => shared.take(now),
            None => self.bucket.take(now).is_ok(),
        };
        if taken {
            self.factor.record_attempt();
        }
        taken
    }

    /// Returns a token that was taken and not used.
    pub(super) fn return_token(&mut self, now: Instant) {
        match self.shared_mut() {
            Some(shared) => shared.return_token(now),
            None => self.bucket.return_token(),
        }
    }

    /// Notes whether a request is ready for a token that is unavailable.
    pub(super) fn set_ready(&mut self, ready: bool, now: Instant) {
        match self.shared_mut() {
            Some(shared) if ready => shared.request(),
            Some(shared) => shared.release(now),
            None => {}
        }
    }

    /// Ends the demand for the store.
    pub(super) fn close(&self) {
        if let Some(shared) = &self.shared {
            shared.close();
        }
    }

    /// Takes the demand for the store, for `waiting` requests of callers with `weight`.
    pub(super) fn demand(
        &mut self,
        waiting: usize,
        weight: f64,
        report: Option<CallerReport>,
    ) -> Option<Demand> {
        let rate = self.rate();
        let shared = self.shared.as_mut()?;
        Some(shared.demand(&self.quota, rate, waiting, weight, report))
    }

    /// Returns the tokens that are available now, and the rate of this replica.
    pub(super) fn availability(&self, now: Instant) -> Availability {
        match self.shared() {
            Some(shared) => Availability {
                level: shared.level(now, self.rate(), self.quota.burst),
                rate: shared.fill_rate(self.rate()) * shared.own_share(),
            },
            None => Availability {
                level: self.bucket.level(now),
                rate: self.bucket.rate(),
            },
        }
    }

    /// Returns the state for metrics and notes.
    pub(super) fn state(&self, now: Instant, waiting: usize, callers: usize) -> AdmissionState {
        let shared = self.shared.as_ref();
        let Availability { level, rate } = self.availability(now);
        AdmissionState {
            waiting,
            callers,
            rate_per_second: rate,
            adaptive_factor: self.factor.get(),
            level,
            degraded: shared.is_some_and(|shared| shared.isolated_share.is_some()),
            replicas: shared.map_or(1, |shared| shared.state.replicas),
            away: self.shared().map_or(0.0, |shared| shared.state.away),
        }
    }
}

/// Returns the rate that the limit of checks under way allows.
fn check_rate(settings: &AdmissionSettings) -> Option<f64> {
    let rate = settings.check_limit.as_ref()?.sessions_per_second();
    Some(rate * settings.quota.target_utilization)
}
