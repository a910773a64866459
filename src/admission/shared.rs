//! The quota that replicas share: quota tokens are reserved in the store.
//!
//! This module owns a replica's reservations and its view of the other replicas. The
//! bucket is one hash in the store, and one script there decides on the store's clock.
//! The scheduler only reports how many tokens it could use now.
//!
//! # Terms
//!
//! - A *reservation* is a number of tokens that become available at a known time. A
//!   replica has at most one. When its time comes, the tokens go to the requests that
//!   are next at that moment; unused tokens are *refunded*.
//! - The *weight* of a replica is that of the callers that wait there. A caller that
//!   waits on `k` replicas counts `1/k` on each, towards the weight of the replica and in
//!   the turns there. Replicas take turns by weight, so that a caller gets the same share
//!   whichever replicas a load balancer assigns to it. A pattern counts with the part of
//!   its callers that wait there.
//! - *Isolated*: the store is unavailable. The replica uses a local bucket at rate /
//!   (replicas last seen) for [`REPLICA_COUNT_TTL`], then at rate / (most replicas
//!   allowed). It never admits without limit, and never refuses everything.
//!
//! For example, 3 replicas share 24.5 calls a second. Eight callers wait on A, one on B
//! and one on C. A's tokens are 51 ms apart, B's and C's 408 ms. When B's caller
//! leaves, it stops counting after 100 ms, and A's tokens are 46 ms apart. When the
//! store fails, each replica continues within 100 ms at 8.2 calls a second, from an
//! empty bucket. When the store is back and empty, the shared bucket is empty too, and
//! fills at the shares of the replicas that have returned, so no replica gets a second
//! burst. A replica that shut down before the outage, or was silent for 2 s, is not waited
//! for.
//!
//! # Bounds
//!
//! Together the replicas make at most rate x time + burst calls, plus one reservation for
//! each replica, if used late. A failover loses unreplicated writes: at most one more
//! reservation for each replica.
//! When `p` of `n` replicas are cut off from the store, they add `p/n` of the rate for
//! [`REPLICA_COUNT_TTL`], then `p` / `max_replicas`.

mod check;
mod other_replicas;
mod reservation;
mod reserver;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

pub(super) use self::other_replicas::{CallerDigest, CallerReport, OtherReplicas};
pub(super) use self::reserver::Reserver;
use super::QuotaSettings;
use crate::store::Store;

/// How long an isolated replica relies on the number of replicas last seen. Without it
/// `an_isolated_replica_uses_its_share_and_recovers_without_a_burst` fails, and without its
/// end `an_isolated_replica_relies_on_the_number_of_replicas_for_30_s`.
const REPLICA_COUNT_TTL: Duration = Duration::from_secs(30);

/// How many seconds' worth of tokens are reserved at once, if more than one token. Without
/// it `a_distant_store_does_not_limit_a_high_rate` fails.
const BATCH_SECONDS: f64 = 0.01;

/// The quota of one operation that all replicas share.
#[derive(Clone, Debug)]
pub struct SharedQuota {
    /// The store of the quota.
    pub store: Store,
    /// Its name there: the region and the operation, as in `us-east-1:create`.
    pub name: String,
    /// The most replicas that there can be, 1 to 10,000.
    pub max_replicas: NonZeroU32,
}

/// The demand of one replica at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// The tokens to reserve.
    calls: u32,
    /// The reserved tokens to refund.
    unused: u32,
    /// The adaptive factor after a cut.
    cut_to: Option<f64>,
    rate: f64,
    burst: u32,
    max_wait: Duration,
    /// The weight of the callers that wait here.
    weight: f64,
    /// The callers here, in exchange for those of the other replicas.
    report: Option<CallerReport>,
}

/// The state of the shared bucket and of the other replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SharedState {
    /// The weight of the callers that wait on other replicas.
    pub(super) others_weight: f64,
    /// The weight of the callers that wait here.
    pub(super) own_weight: f64,
    /// Tokens available now, below zero where some are owed.
    pub(super) level: f64,
    /// The factor of the last cut, and how long the quota was in use since then.
    pub(super) factor: Option<(f64, Duration)>,
    /// Replicas that are present, including this one.
    pub(super) replicas: u32,
    /// The share of the rate that is left to the replicas that have not returned since the
    /// store was unavailable.
    pub(super) away: f64,
}

/// The reservations of one replica.
pub(super) struct SharedReservations {
    /// Wakes the task that reserves tokens, because the demand has changed.
    changed: Arc<Notify>,
    /// The share of the rate to use while the store is unavailable.
    pub(super) isolated_share: Option<f64>,
    pub(super) state: SharedState,
    updated_at: Instant,
    /// Reserved tokens that were not taken yet.
    reserved: u32,
    due: Instant,
    requested: bool,
    unused: u32,
    /// The weight with which tokens were reserved last, which a refund must have too.
    weight: f64,
    cut_to: Option<f64>,
}

impl SharedReservations {
    /// Until the store replies, the replica is isolated, with its smallest share.
    pub(super) fn new(quota: &SharedQuota, changed: Arc<Notify>) -> Self {
        let now = Instant::now();
        Self {
            changed,
            isolated_share: Some(1.0 / f64::from(quota.max_replicas.get())),
            state: SharedState::default(),
            updated_at: now,
            reserved: 0,
            due: now,
            requested: false,
            unused: 0,
            weight: 0.0,
            cut_to: None,
        }
    }

    /// Uses the store, which is in `state`. Returns whether the replica was isolated.
    pub(super) fn use_store_state(&mut self, state: SharedState, now: Instant) -> bool {
        let was_isolated = self.isolated_share.take().is_some();
        self.requested &= !was_isolated;
        (self.state, self.updated_at) = (state, now);
        was_isolated
    }

    /// Uses `share` of the rate from now on, and returns whether that is a change. Requests
    /// and refunds from before are void.
    pub(super) fn isolate(&mut self, share: f64) -> bool {
        (self.reserved, self.requested, self.unused, self.cut_to) = (0, false, 0, None);
        self.isolated_share.replace(share) != Some(share)
    }

    /// Adds reserved tokens, which become available at `due`.
    pub(super) fn add(&mut self, calls: u32, due: Instant) {
        self.reserved += calls;
        self.due = due;
        self.requested = false;
    }

    /// Returns when the reserved tokens become available, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.reserved > 0).then_some(self.due)
    }

    /// Takes a token, and returns whether one was available.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let available = self.reserved > 0 && self.due <= now;
        self.reserved -= u32::from(available);
        available
    }

    /// Returns a token that was taken and not used.
    pub(super) fn return_token(&mut self, now: Instant) {
        self.reserved += 1;
        self.due = self.due.min(now);
    }

    /// Reports that the factor was cut to `factor`.
    pub(super) fn cut_factor(&mut self, factor: f64) {
        self.cut_to = Some(factor);
        self.changed.notify_one();
    }

    /// Requests a reservation, unless one is held or requested already.
    pub(super) fn request(&mut self) {
        if self.reserved == 0 && !std::mem::replace(&mut self.requested, true) {
            self.changed.notify_one();
        }
    }

    /// Refunds available tokens, because no request can use them.
    pub(super) fn release(&mut self, now: Instant) {
        if self.reserved > 0 && self.due <= now {
            self.unused += std::mem::take(&mut self.reserved);
            self.changed.notify_one();
        }
    }

    /// Takes the demand of a replica with `waiting` requests, at `rate` for all replicas.
    pub(super) fn demand(
        &mut self,
        quota: &QuotaSettings,
        rate: f64,
        waiting: usize,
        weight: f64,
        report: Option<CallerReport>,
    ) -> Demand {
        self.requested &= waiting > 0;
        let (burst, batch) = (quota.burst.get(), rate * self.own_share() * BATCH_SECONDS);
        let calls = (batch.ceil() as u32).clamp(1, burst).min(waiting as u32);
        if self.requested {
            self.weight = weight;
        }
        Demand {
            calls: if self.requested { calls } else { 0 },
            cut_to: self.cut_to.take(),
            rate,
            burst,
            max_wait: quota.max_wait,
            weight: if self.unused > 0 { self.weight } else { weight },
            unused: std::mem::take(&mut self.unused),
            report,
        }
    }

    /// Returns the part of `rate` that the shared bucket fills at.
    pub(super) fn fill_rate(&self, rate: f64) -> f64 {
        rate * (1.0 - self.state.away)
    }

    /// Wakes the task that reserves tokens, because the demand has ended.
    pub(super) fn close(&self) {
        self.changed.notify_one();
    }

    /// Returns the share of the quota that the callers here can expect.
    pub(super) fn own_share(&self) -> f64 {
        let own = self.state.own_weight;
        // The next caller to wait here has a weight too.
        let own = if own > 0.0 { own } else { 1.0 };
        own / (own + self.state.others_weight)
    }

    /// Returns how many tokens this replica could use at once now.
    pub(super) fn level(&self, now: Instant, rate: f64, burst: NonZeroU32) -> f64 {
        let available = if self.due <= now { self.reserved } else { 0 };
        let available = f64::from(available);
        if self.requested || self.state.others_weight > 0.0 {
            return available;
        }
        let elapsed = now.saturating_duration_since(self.updated_at);
        let level = self.state.level + self.fill_rate(rate) * elapsed.as_secs_f64() + available;
        level.clamp(0.0, f64::from(burst.get()))
    }
}
