//! The task that talks to the store for one gate: asks, reports, refunds, cuts,
//! and says when the store is gone and when it is back.
//!
//! One call at a time, none of them repeated. Once in 500 ms it says that the
//! replica is there. Where a call fails, or a second one in a row is slow, the gate
//! is alone from that moment; what was slow counts as spent. The task then waits for a connection, and for a report to be taken, which empties
//! the bucket: it was not told what left meanwhile.
//!
//! ```text
//! asked -> [reserve] --slot--> News::Slots        (the gate asks again once it is used)
//!             |  \--later--> again, after at most 50 ms
//!             \--failed--> News::Alone -> up? -> report, drain -> News::Together
//! ```

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::reservation::{self, Granted, ReservationReply, ReservationRequest};
use super::{Demand, News, SEEN_FOR, SharedQuota};
use crate::admission::event::SchedulerEvent;
use crate::model::ClientRequestToken;
use crate::store::StoreError;

const BEAT: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Reserver {
    quota: SharedQuota,
    demand: watch::Receiver<Demand>,
    gate: mpsc::WeakUnboundedSender<SchedulerEvent>,
    replica: String,
    reports: String,
    /// Of the demand's counts those that are done with.
    asked: u64,
    in_vain: u64,
    cuts: u64,
    again_at: Instant,
    beat_at: Instant,
    replicas: u32,
    /// The last call was.
    slow: bool,
}

/// The gate is gone.
struct Over;

impl Reserver {
    pub(super) fn new(
        quota: SharedQuota,
        demand: watch::Receiver<Demand>,
        gate: mpsc::WeakUnboundedSender<SchedulerEvent>,
    ) -> Self {
        let now = Instant::now();
        let replica = ClientRequestToken::random().expose()[..11].to_owned();
        Self {
            quota,
            demand,
            gate,
            replica,
            reports: String::new(),
            asked: 0,
            in_vain: 0,
            cuts: 0,
            again_at: now,
            beat_at: now,
            replicas: 0,
            slow: false,
        }
    }

    /// Runs until the gate is gone.
    pub(super) async fn run(mut self) {
        // Nobody has heard of the store yet.
        let mut gone = self.come_back(Instant::now()).await;
        while gone.is_ok() {
            gone = match self.together().await {
                Ok(Over) => return,
                Err(error) => {
                    warn!(quota = self.quota.name, %error, "the shared quota is gone: alone");
                    self.come_back(Instant::now()).await
                }
            };
        }
    }

    /// Serves the gate while the store answers.
    async fn together(&mut self) -> Result<Over, StoreError> {
        loop {
            let asked = self.demand.borrow().asked > self.asked;
            let wake = if asked {
                self.beat_at.min(self.again_at)
            } else {
                self.beat_at
            };
            tokio::select! {
                changed = self.demand.changed() => if changed.is_err() { return Ok(Over) },
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
            reservation::cut(&self.quota, demand.factor).await?;
        }
        if demand.in_vain > self.in_vain {
            let calls = demand.in_vain - self.in_vain;
            self.in_vain = demand.in_vain;
            self.call(demand, -i64::try_from(calls).unwrap_or(0), false)
                .await?;
        }
        let now = Instant::now();
        if demand.asked > self.asked && now >= self.again_at {
            let answer = self.call(demand, i64::from(demand.calls), false).await?;
            self.settle(demand, answer.granted);
        } else if now >= self.beat_at {
            self.call(demand, 0, false).await?;
        }
        Ok(())
    }

    fn settle(&mut self, demand: &Demand, granted: Granted) {
        let now = Instant::now();
        match granted {
            Granted::After(wait) => {
                self.asked = demand.asked;
                self.again_at = now;
                self.tell(News::Slots {
                    calls: demand.calls,
                    at: now + wait,
                });
            }
            Granted::Not(wait) => self.again_at = now + wait,
            Granted::Noted => self.asked = demand.asked,
        }
    }

    async fn call(
        &mut self,
        demand: &Demand,
        calls: i64,
        drain: bool,
    ) -> Result<ReservationReply, StoreError> {
        let order = ReservationRequest {
            replica: &self.replica,
            // A gate that has said nothing yet has not been asked for anything.
            rate: demand.rate.max(0.001),
            burst: demand.burst.max(1),
            max_wait: demand.max_wait,
            calls,
            weight: demand.work.weight(&self.reports),
            report: &demand.work.report(),
            drain,
        };
        let answer = reservation::reserve(&self.quota, order).await?;
        self.slow = false;
        self.beat_at = Instant::now() + BEAT;
        self.reports.clone_from(&answer.reports);
        self.replicas = answer.outlook.replicas;
        self.tell(News::Together(answer.outlook));
        Ok(answer)
    }

    /// Goes on alone until the store takes a report again. An error: the gate is
    /// gone.
    async fn come_back(&mut self, since: Instant) -> Result<(), Over> {
        loop {
            let share = self.share(since, Instant::now());
            self.tell(News::Alone { share });
            tokio::select! {
                () = self.quota.store.up() => {}
                () = sleep(Duration::from_secs(1)) => {}
            }
            if self.demand.has_changed().is_err() {
                return Err(Over);
            }
            let demand = self.demand.borrow_and_update().clone();
            // What was asked for, or was in vain, is not any more.
            (self.asked, self.in_vain, self.cuts) = (demand.asked, demand.in_vain, demand.cuts);
            if self.quota.store.is_up() && demand.rate > 0.0 {
                match self.call(&demand, 0, true).await {
                    Ok(_) => {
                        info!(
                            quota = self.quota.name,
                            "the shared quota is there: together"
                        );
                        return Ok(());
                    }
                    Err(error) => warn!(quota = self.quota.name, %error, "still alone"),
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// The share of the rate to go on at, alone since then.
    fn share(&self, since: Instant, now: Instant) -> f64 {
        let most = self.quota.max_replicas.get();
        let believed = now.saturating_duration_since(since) < SEEN_FOR && self.replicas > 0;
        let replicas = if believed {
            self.replicas
        } else {
            most.max(self.replicas)
        };
        1.0 / f64::from(replicas)
    }

    fn tell(&self, news: News) {
        // A gate that is gone drops its demand too, which ends this task.
        if let Some(gate) = self.gate.upgrade() {
            let _ = gate.send(SchedulerEvent::News(news));
        }
    }
}
