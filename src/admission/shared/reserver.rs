//! The task that calls the store for one scheduler: it reserves and refunds tokens, sends
//! heartbeats, lowers the shared rate factor after throttling, and detects when the store
//! becomes unavailable and available.
//!
//! It makes one store call at a time. A refund or cut that fails is not resent, and a slow
//! reservation counts as spent. After 500 ms without a call it sends a heartbeat. When a
//! call fails, or two in a row are slow, the scheduler is isolated at once: it uses its
//! local share of the quota. The task then waits for a connection, and for a successful
//! report. That report drains the shared bucket, which did not count the calls during the
//! outage, and does not count those of the replicas that return later.
//!
//! A state that comes and goes is logged when it begins, once for each cause, and when it
//! has been gone for 10 s. For example, every other reservation is slow for a minute: the
//! scheduler is isolated 100 times, and the log has two lines.
//!
//! ```text
//! requested -> [reserve] --slot---> reserved  (the scheduler requests again after use)
//!                  |      \-later-> retry after at most 50 ms
//!                  \-failed-> isolated -> connected -> report, drain -> shared
//! ```

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::reservation::{self, Isolation, ReservationOutcome};
use super::{Demand, REPLICA_COUNT_TTL, SharedQuota};
use crate::admission::LEAVE_TIMEOUT;
use crate::admission::scheduler::{LockedScheduler, Scheduler};
use crate::change::Condition;
use crate::model::ClientRequestToken;
use crate::store::StoreError;

/// How long a replica is silent at most. The script takes one that is silent for 600 ms
/// for isolated. Without it `a_store_that_hangs_degrades_until_it_replies` fails.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Reports change more slowly than tokens are reserved, and may be large. Without it
/// `tokens_are_reserved_more_often_than_reports_are_exchanged` fails.
const EXCHANGE_INTERVAL: Duration = Duration::from_millis(100);
/// A store that fails at once would otherwise be called without a pause. Without it
/// `a_wrong_type_or_a_full_store_degrades_until_it_is_fixed` fails.
const RETRY_DELAY: Duration = Duration::from_millis(100);

pub(in crate::admission) struct Reserver {
    quota: SharedQuota,
    /// Wakes the task, because the demand has changed.
    changed: Arc<Notify>,
    scheduler: Weak<LockedScheduler>,
    replica: String,
    /// When to exchange reports next.
    exchange_at: Instant,
    /// When to repeat the request for tokens.
    retry_at: Option<Instant>,
    /// When the store replied last.
    replied_at: Instant,
    replicas: u32,
    /// Whether the last call was slow.
    slow: bool,
    /// The isolation, for the log.
    outage: Condition<StoreError>,
}

/// The scheduler has ended.
struct SchedulerEnded;

impl Reserver {
    pub(in crate::admission) fn new(
        quota: SharedQuota,
        changed: Arc<Notify>,
        scheduler: Weak<LockedScheduler>,
    ) -> Self {
        let now = Instant::now();
        let outage = Condition::default();
        // The replica is isolated until the store replies for the first time.
        let _ = outage.begin(StoreError::Down);
        Self {
            quota,
            changed,
            scheduler,
            replica: ClientRequestToken::random().expose()[..11].to_owned(),
            exchange_at: now,
            retry_at: None,
            replied_at: now,
            replicas: 0,
            slow: false,
            outage,
        }
    }

    /// Runs until the scheduler ends or is closed, and then leaves the quota.
    pub(in crate::admission) async fn run(mut self) {
        self.reserve_until_closed().await;
        let (quota, replica) = (&self.quota, &self.replica);
        let left = async {
            while reservation::leave(quota, replica).await.is_err() {
                sleep(RETRY_DELAY).await;
            }
        };
        // The others forget a replica that cannot leave.
        let _ = timeout(LEAVE_TIMEOUT, left).await;
    }

    async fn reserve_until_closed(&mut self) {
        let mut recovered = self.run_isolated(Instant::now()).await;
        while recovered.is_ok() {
            recovered = match self.run_shared().await {
                Ok(SchedulerEnded) => return,
                Err(error) => {
                    self.log_isolated(&error);
                    self.run_isolated(Instant::now()).await
                }
            };
        }
    }

    /// Serves the scheduler until the store becomes unavailable.
    async fn run_shared(&mut self) -> Result<SchedulerEnded, StoreError> {
        loop {
            let heartbeat_at = self.replied_at + HEARTBEAT;
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(self.retry_at.unwrap_or(heartbeat_at).min(heartbeat_at)) => {}
            }
            let Some(demand) = self.demand(Instant::now() >= self.exchange_at) else {
                return Ok(SchedulerEnded);
            };
            match self.serve(&demand).await {
                Err(StoreError::Slow(_)) if !self.slow => {
                    self.slow = true;
                    self.retry_at = Some(Instant::now());
                }
                served => served?,
            }
            if self.outage.end_if_quiet() {
                let quota = &self.quota.name;
                info!(quota, "shared quota available, using shared rate");
            }
        }
    }

    /// Takes the demand of the scheduler, unless it has ended.
    fn demand(&self, exchange: bool) -> Option<Demand> {
        self.on_scheduler(|s, now| s.demand(exchange, now))?
    }

    fn on_scheduler<T>(&self, act: impl FnOnce(&mut Scheduler, Instant) -> T) -> Option<T> {
        self.scheduler.upgrade()?.run(act)
    }

    async fn serve(&mut self, demand: &Demand) -> Result<(), StoreError> {
        if let Some(factor) = demand.cut_to {
            reservation::cut_factor(&self.quota, factor).await?;
        }
        if demand.unused > 0 {
            self.call(demand, -i64::from(demand.unused), None).await?;
        }
        let now = Instant::now();
        if demand.calls > 0 && self.retry_at.is_none_or(|at| at <= now) {
            let outcome = self.call(demand, i64::from(demand.calls), None).await?;
            let now = Instant::now();
            self.retry_at = match outcome {
                ReservationOutcome::RetryAfter(wait) => Some(now + wait),
                ReservationOutcome::GrantedAfter(_) | ReservationOutcome::Recorded => None,
            };
            if let ReservationOutcome::GrantedAfter(wait) = outcome {
                let calls = demand.calls;
                self.on_scheduler(|s, _| s.tokens.add_reserved(calls, now + wait));
            }
        } else if now >= self.replied_at + HEARTBEAT {
            self.call(demand, 0, None).await?;
        }
        if demand.calls == 0 {
            self.retry_at = None;
        }
        Ok(())
    }

    async fn call(
        &mut self,
        demand: &Demand,
        calls: i64,
        returns_from: Option<Isolation>,
    ) -> Result<ReservationOutcome, StoreError> {
        let (quota, replica) = (&self.quota, &self.replica);
        let reply = reservation::reserve(quota, replica, demand, calls, returns_from).await?;
        self.slow = false;
        self.replied_at = Instant::now();
        self.replicas = reply.state.replicas;
        if demand.report.is_some() {
            self.exchange_at = Instant::now() + EXCHANGE_INTERVAL;
        }
        self.on_scheduler(|s, now| s.use_store_state(reply.state, reply.others.as_ref(), now));
        Ok(reply.outcome)
    }

    /// Keeps the scheduler isolated until the store accepts a report again, or the
    /// scheduler ends.
    async fn run_isolated(&mut self, since: Instant) -> Result<(), SchedulerEnded> {
        loop {
            let share = self.isolated_share(since, Instant::now());
            self.on_scheduler(|s, now| s.isolate(share, now));
            let connected = timeout(Duration::from_secs(1), self.quota.store.up()).await;
            let demand = self.demand(true).ok_or(SchedulerEnded)?;
            let isolation = Isolation {
                replicas: self.replicas,
                silent: self.replied_at.elapsed(),
            };
            let returned = match connected {
                Ok(()) => self.call(&demand, 0, Some(isolation)).await,
                Err(_) => Err(StoreError::Down),
            };
            match returned {
                Ok(_) => return Ok(()),
                Err(error) => self.log_isolated(&error),
            }
            sleep(RETRY_DELAY).await;
        }
    }

    fn log_isolated(&self, error: &StoreError) {
        if self.outage.begin(error.cause()) {
            let quota = &self.quota.name;
            warn!(quota, %error, "shared quota unavailable, using local share");
        }
        // The store logs itself that it is not connected.
        let _ = self.outage.begin(StoreError::Down);
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::store::{Store, StoreMetrics, test_server};

    #[tokio::test(start_paused = true)]
    async fn an_isolated_replica_relies_on_the_number_of_replicas_for_30_s() {
        let unavailable = test_server::settings(1);
        let quota = SharedQuota {
            store: Store::open(&unavailable, &StoreMetrics::default()).expect("it has a URL"),
            name: "us-east-1:create".to_owned(),
            max_replicas: NonZeroU32::new(10).expect("not zero"),
        };
        let mut reserver = Reserver::new(quota, Arc::default(), Weak::new());
        reserver.replicas = 2;
        let since = Instant::now();
        for (seconds, replicas) in [(0, 2.0), (29, 2.0), (30, 10.0)] {
            let share = reserver.isolated_share(since, since + Duration::from_secs(seconds));
            assert!(
                (share * replicas - 1.0).abs() < 1e-9,
                "{seconds} s: {share}"
            );
        }
    }
}
