//! The task that calls the store for one scheduler: it reserves and refunds tokens, sends
//! heartbeats, lowers the shared rate factor after throttling, and detects when the store
//! becomes unavailable and available.
//!
//! It makes one store call at a time. A refund or cut that fails is not resent, and a slow
//! reservation counts as spent. After 500 ms without a call it sends a heartbeat. When a
//! call fails, or two in a row are slow, the scheduler is isolated at once: it uses its
//! local share of the quota. The task then waits for a connection, and for a successful
//! report. That report drains the shared bucket, which did not count the calls during the
//! outage, and charges those of the replicas that return later.
//!
//! ```text
//! requested -> [reserve] --slot---> reserved  (the scheduler requests again after use)
//!                  |      \-later-> retry after at most 50 ms
//!                  \-failed-> isolated -> connected -> report, drain -> shared
//! ```

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::reservation::{self, ReservationOutcome, ReservationReply, ReservationRequest};
use super::{Demand, REPLICA_COUNT_TTL, SharedQuota};
use crate::admission::scheduler::WeakScheduler;
use crate::model::ClientRequestToken;
use crate::store::StoreError;

const HEARTBEAT: Duration = Duration::from_millis(500);
/// Reports change more slowly than tokens are reserved, and may be large.
const EXCHANGE_INTERVAL: Duration = Duration::from_millis(100);
const RETRY_DELAY: Duration = Duration::from_millis(100);

pub(in crate::admission) struct Reserver {
    quota: SharedQuota,
    demand: watch::Receiver<Demand>,
    scheduler: WeakScheduler,
    replica: String,
    /// When to exchange reports next.
    exchange_at: Instant,
    /// The requests, unused tokens and cuts of the demand that are handled already.
    requests: u64,
    unused: u64,
    cuts: u64,
    retry_at: Instant,
    heartbeat_at: Instant,
    replicas: u32,
    /// Whether the last call was slow.
    slow: bool,
}

/// The scheduler has ended.
struct SchedulerEnded;

impl Reserver {
    pub(in crate::admission) fn new(
        quota: SharedQuota,
        demand: watch::Receiver<Demand>,
        scheduler: WeakScheduler,
    ) -> Self {
        let now = Instant::now();
        let replica = ClientRequestToken::random().expose()[..11].to_owned();
        Self {
            quota,
            demand,
            scheduler,
            replica,
            exchange_at: now,
            requests: 0,
            unused: 0,
            cuts: 0,
            retry_at: now,
            heartbeat_at: now,
            replicas: 0,
            slow: false,
        }
    }

    /// Runs until the scheduler ends.
    pub(in crate::admission) async fn run(mut self) {
        // The replica is isolated until the store replies for the first time.
        let mut recovered = self.run_isolated(Instant::now()).await;
        while recovered.is_ok() {
            recovered = match self.run_shared().await {
                Ok(SchedulerEnded) => return,
                Err(error) => {
                    let quota = &self.quota.name;
                    warn!(quota, %error, "shared quota unavailable, using local share");
                    self.run_isolated(Instant::now()).await
                }
            };
        }
    }

    /// Serves the scheduler until the store becomes unavailable.
    async fn run_shared(&mut self) -> Result<SchedulerEnded, StoreError> {
        loop {
            let requested = self.demand.borrow().requests > self.requests;
            let wake = if requested {
                self.heartbeat_at.min(self.retry_at)
            } else {
                self.heartbeat_at
            };
            tokio::select! {
                changed = self.demand.changed() => if changed.is_err() { return Ok(SchedulerEnded) },
                () = sleep_until(wake) => {}
            }
            let demand = self.demand.borrow_and_update().clone();
            match self.serve(&demand).await {
                Err(StoreError::Slow(_)) if !self.slow => self.slow = true,
                served => served?,
            }
        }
    }

    async fn serve(&mut self, demand: &Demand) -> Result<(), StoreError> {
        if demand.cuts > self.cuts {
            self.cuts = demand.cuts;
            reservation::cut_factor(&self.quota, demand.factor).await?;
        }
        if demand.unused > self.unused {
            let calls = demand.unused - self.unused;
            self.unused = demand.unused;
            self.call(demand, -i64::try_from(calls).unwrap_or(0), None)
                .await?;
        }
        let now = Instant::now();
        if demand.requests > self.requests && now >= self.retry_at {
            let reply = self.call(demand, i64::from(demand.calls), None).await?;
            self.on_outcome(demand, reply.outcome);
        } else if now >= self.heartbeat_at {
            self.call(demand, 0, None).await?;
        }
        Ok(())
    }

    fn on_outcome(&mut self, demand: &Demand, outcome: ReservationOutcome) {
        let now = Instant::now();
        match outcome {
            ReservationOutcome::GrantedAfter(wait) => {
                self.requests = demand.requests;
                self.retry_at = now;
                let (calls, due) = (demand.calls, now + wait);
                self.scheduler.run(|s, _| s.add_reserved(calls, due));
            }
            ReservationOutcome::RetryAfter(wait) => self.retry_at = now + wait,
            ReservationOutcome::Recorded => self.requests = demand.requests,
        }
    }

    async fn call(
        &mut self,
        demand: &Demand,
        calls: i64,
        returns_from: Option<f64>,
    ) -> Result<ReservationReply, StoreError> {
        let now = Instant::now();
        let exchange = now >= self.exchange_at || returns_from.is_some();
        let request = ReservationRequest {
            replica: &self.replica,
            demand,
            calls,
            exchange,
            returns_from,
        };
        let reply = reservation::reserve(&self.quota, request).await?;
        self.slow = false;
        self.heartbeat_at = Instant::now() + HEARTBEAT;
        self.replicas = reply.state.replicas;
        if exchange {
            self.exchange_at = now + EXCHANGE_INTERVAL;
        }
        self.scheduler
            .run(|s, now| s.share(reply.state, reply.others.as_ref(), now));
        Ok(reply)
    }

    /// Keeps the scheduler isolated until the store accepts a report again, or the
    /// scheduler ends.
    async fn run_isolated(&mut self, since: Instant) -> Result<(), SchedulerEnded> {
        loop {
            let share = self.isolated_share(since, Instant::now());
            self.scheduler.run(|s, now| s.isolate(share, now));
            tokio::select! {
                () = self.quota.store.up() => {}
                () = sleep(Duration::from_secs(1)) => {}
            }
            if self.demand.has_changed().is_err() {
                return Err(SchedulerEnded);
            }
            let demand = self.demand.borrow_and_update().clone();
            // Requests and refunds from before or during the isolation are void.
            (self.requests, self.unused, self.cuts) = (demand.requests, demand.unused, demand.cuts);
            if self.quota.store.is_up() && demand.rate > 0.0 {
                let used = if self.replicas == 0 { 0.0 } else { share };
                let drained = self.call(&demand, 0, Some(used)).await;
                let quota = &self.quota.name;
                match drained {
                    Ok(_) => {
                        info!(quota, "shared quota available, using shared rate");
                        return Ok(());
                    }
                    Err(error) => {
                        warn!(quota, %error, "shared quota still unavailable, using local share");
                    }
                }
            }
            sleep(RETRY_DELAY).await;
        }
    }

    /// Returns the share of the rate to use at `now`, isolated since `since`.
    fn isolated_share(&self, since: Instant, now: Instant) -> f64 {
        let most = self.quota.max_replicas.get();
        let recent = now.saturating_duration_since(since) < REPLICA_COUNT_TTL;
        let replicas = if recent && self.replicas > 0 {
            self.replicas
        } else {
            most.max(self.replicas)
        };
        1.0 / f64::from(replicas)
    }
}
