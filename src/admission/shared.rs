//! The quota that replicas share: slots are reserved in the store.
//!
//! It owns what a replica has reserved and what it believes of the others; the
//! bucket itself is one hash in the store, and one script there decides, on the
//! store's clock. It knows nothing of callers' requests: the gate says how many
//! calls it could use now.
//!
//! # The terms
//!
//! - A *reservation* is a slot that will come at a known time. A replica has one
//!   at most; whoever is first when it comes is given it, and if nobody is left
//!   it is *refunded*.
//! - The *weight* of a replica is that of the callers that wait there; one that
//!   waits on `k` replicas counts `1/k` on each. Replicas take turns by weight, so
//!   that callers get the same share wherever a balancer pins them.
//! - *Alone*: the store does not answer. The replica goes on by itself at rate /
//!   (replicas last seen) for [`SEEN_FOR`], then at rate / (most replicas
//!   allowed). Never open, never closed.
//!
//! # An example
//!
//! 24.5 calls a second, 3 replicas; on A wait eight callers, on B and C one each.
//! A's slots come 51 ms apart, B's and C's 408 ms apart. B's caller leaves: 100 ms
//! later it counts no more, and A's slots come 46 ms apart. The store dies: within
//! 100 ms each replica goes on at 8.2 calls a second, from an empty bucket. It is
//! back and empty: so is the bucket, and nobody gets a second burst.
//!
//! # The bound
//!
//! Together at most rate x time + depth, where the depth is the burst and 10 ms of
//! the rate, plus one reservation for each replica, used late. A failover loses
//! what was not replicated: at most one reservation for each replica more. Cut off
//! from the store, `p` of `n` replicas add `p/n` of the rate for [`SEEN_FOR`], then
//! `p` / `max_replicas`.

mod reservation;
mod reserver;
mod standing;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::reserver::Reserver;
pub(super) use self::standing::Work;
use super::event::SchedulerEvent;
use crate::store::Store;

/// How long the count of replicas that were last seen is believed.
pub const SEEN_FOR: Duration = Duration::from_secs(30);

/// How much of a second's calls is reserved at once, where that is more than one.
const AT_ONCE: f64 = 0.01;

/// The quota of one operation, as all replicas know it.
#[derive(Clone, Debug)]
pub struct SharedQuota {
    /// Where it is kept.
    pub store: Store,
    /// Its name there: the region and the operation, as in `us-east-1:create`.
    pub name: String,
    /// The most replicas that there can be, 1 to 10,000.
    pub max_replicas: NonZeroU32,
}

/// What a replica wants of the quota.
#[derive(Clone, Debug, Default)]
struct Demand {
    /// Counts the times that a reservation was asked for.
    asked: u64,
    /// How many calls could be used by one.
    calls: u32,
    /// Counts the calls that were reserved in vain.
    in_vain: u64,
    /// Counts the cuts of the factor, to what the last one cut it.
    cuts: u64,
    factor: f64,
    rate: f64,
    burst: u32,
    max_wait: Duration,
    work: Work,
}

/// What a gate is told of the quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum News {
    /// So many slots will come, at once.
    Slots { calls: u32, at: Instant },
    /// The store answers.
    Together(Outlook),
    /// It does not; this is the share of the rate to go on at.
    Alone { share: f64 },
}

/// What is known of the bucket and of the other replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outlook {
    /// The weight of the callers that wait elsewhere.
    pub(super) others: f64,
    /// The weight of those that wait here.
    pub(super) own: f64,
    /// Calls that could leave at once, below zero where some are owed.
    pub(super) level: f64,
    /// The adaptive factor, and how long ago it was cut to that.
    pub(super) factor: Option<(f64, Duration)>,
    /// Replicas that are there, this one too.
    pub(super) replicas: u32,
}

/// What a replica has reserved, and where it stands.
pub(super) struct SharedSlots {
    demand: watch::Sender<Demand>,
    alone: Option<f64>,
    outlook: Outlook,
    told_at: Instant,
    in_hand: u32,
    due: Instant,
    asking: bool,
}

impl SharedSlots {
    /// Starts to reserve; the news go to `gate`. Until the first of them the
    /// replica is alone, at its smallest share.
    pub(super) fn open(
        quota: SharedQuota,
        gate: mpsc::WeakUnboundedSender<SchedulerEvent>,
        now: Instant,
    ) -> Self {
        let share = 1.0 / f64::from(quota.max_replicas.get());
        let (demand, wanted) = watch::channel(Demand::default());
        tokio::spawn(Reserver::new(quota, wanted, gate).run());
        Self {
            demand,
            alone: Some(share),
            outlook: Outlook::default(),
            told_at: now,
            in_hand: 0,
            due: now,
            asking: false,
        }
    }

    /// The share of the rate to go on at where the store does not answer.
    pub(super) fn alone(&self) -> Option<f64> {
        self.alone
    }

    /// How many replicas there are, as far as is known.
    pub(super) fn replicas(&self) -> u32 {
        self.outlook.replicas
    }

    /// Takes note, and says whether it is alone only now, or no more, or at another
    /// share.
    pub(super) fn hear(&mut self, news: News, now: Instant) -> bool {
        let before = self.alone;
        match news {
            News::Slots { calls, at } => {
                self.in_hand += calls;
                self.due = at;
                self.asking = false;
            }
            News::Together(outlook) => {
                if self.alone.take().is_some() {
                    self.asking = false;
                }
                self.outlook = outlook;
                self.told_at = now;
            }
            News::Alone { share } => {
                self.alone = Some(share);
                self.in_hand = 0;
                self.asking = false;
            }
        }
        before != self.alone
    }

    /// The factor that the store has, and how long ago it was cut.
    pub(super) fn factor(&self) -> Option<(f64, Duration)> {
        self.outlook.factor
    }

    /// When the slot comes that is reserved; `None`: none is.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.in_hand > 0).then_some(self.due)
    }

    /// Takes a slot that has come.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let there = self.in_hand > 0 && self.due <= now;
        self.in_hand -= u32::from(there);
        there
    }

    /// A slot that was taken was of no use.
    pub(super) fn put_back(&mut self, now: Instant) {
        self.in_hand += 1;
        self.due = self.due.min(now);
    }

    /// Keeps the reserver up to date with the rate; it asks no more for that.
    pub(super) fn go_by(&self, rate: f64, burst: NonZeroU32, max_wait: Duration) {
        self.demand.send_if_modified(|demand| {
            (demand.rate, demand.burst, demand.max_wait) = (rate, burst.get(), max_wait);
            false
        });
    }

    /// The factor was cut to this.
    pub(super) fn cut(&self, factor: f64) {
        self.demand.send_modify(|demand| {
            demand.cuts += 1;
            demand.factor = factor;
        });
    }

    /// Somebody is ready for a slot: reserves, where nothing is reserved.
    pub(super) fn is_awaited(&mut self, waiting: usize, work: impl FnOnce() -> Work) {
        if self.in_hand > 0 || self.asking {
            return;
        }
        self.asking = true;
        let own = self.own_share();
        self.demand.send_modify(|demand| {
            let some = (demand.rate * own * AT_ONCE).ceil() as u32;
            let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
            demand.calls = some.min(waiting).clamp(1, demand.burst.max(1));
            demand.asked += 1;
            demand.work = work();
        });
    }

    /// Nobody is: what has come is refunded.
    pub(super) fn is_not_awaited(&mut self, now: Instant) {
        if self.in_hand > 0 && self.due <= now {
            let in_vain = u64::from(std::mem::take(&mut self.in_hand));
            self.demand.send_modify(|demand| demand.in_vain += in_vain);
        }
    }

    /// The share of the quota that the callers here can expect.
    pub(super) fn own_share(&self) -> f64 {
        let own = self.outlook.own.max(1.0);
        own / (own + self.outlook.others)
    }

    /// Calls that could leave at once from here.
    pub(super) fn level(&self, now: Instant, rate: f64, burst: NonZeroU32) -> f64 {
        let come = if self.due <= now { self.in_hand } else { 0 };
        if self.asking || self.outlook.others > 0.0 {
            return f64::from(come);
        }
        let refilled = rate * now.saturating_duration_since(self.told_at).as_secs_f64();
        let level = self.outlook.level + refilled + f64::from(come);
        level.clamp(0.0, f64::from(burst.get()))
    }
}
