//! One cell of the simulation's table: ten callers in front of one quota.
//!
//! The first caller sends 70 % of the load, the nine others share the rest.
//! Requests arrive at random (Poisson), each with a deadline of 5 s, through the
//! real creator, admission and retry; a client that fails does not come back.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use livegate::admission::{Admission, AdmissionSettings, QueueSettings, QuotaSettings};
use livegate::auth::policy::{Authorizer, DefaultPermission, Policy};
use livegate::idempotency::Claims;
use livegate::model::Deadline;
use livegate::model::{CallerId, RequestedSettings};
use livegate::result_token::{SigningKey, TokenKeys};
use livegate::retry::{Retry, RetrySettings};
use livegate::session::{Attempts, CreateRequest, Creator, Ownership, Progress, SessionError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::figures::{AttemptError, AttemptOutcome, Figures};
use super::upstream::{Upstream, interval};

pub(crate) const CALLERS: usize = 10;
const BUSY_SHARE: f64 = 0.7;
const DEADLINE: Duration = Duration::from_secs(5);
const FIRST_SEED: u64 = 42;

/// Who else spends the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// Nobody.
    Alone,
    /// A tenant that asks for 40 % of it, at random, and never waits.
    Shared,
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) quota: f64,
    /// Arrivals, in multiples of what the other tenant leaves of the quota.
    pub(crate) load: f64,
    pub(crate) tenancy: Tenancy,
    /// What happens before is not counted.
    pub(crate) warm_up: Duration,
    pub(crate) counted: Duration,
    /// As often as that it is run, each time from another seed.
    pub(crate) runs: u64,
}

impl Cell {
    /// Runs the cell on paused time, alone in its thread.
    pub(crate) fn run(&self) -> Figures {
        let mut runs = self.seeds().map(|seed| self.run_from(seed));
        let first = runs.next().expect("it runs at least once");
        runs.fold(first, Figures::with)
    }

    fn seeds(&self) -> Range<u64> {
        FIRST_SEED..FIRST_SEED + self.runs
    }

    fn run_from(&self, seed: u64) -> Figures {
        // Backoff draws from the thread's generator.
        fastrand::seed(seed);
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(self.simulate(seed))
    }

    async fn simulate(&self, seed: u64) -> Figures {
        let upstream = Arc::new(Upstream::new(self.quota, self.depth(), seed));
        if self.tenancy == Tenancy::Shared {
            let others = self.quota - self.left();
            let (upstream, seed) = (upstream.clone(), seed + 1000);
            tokio::spawn(async move { upstream.other_tenant(others, seed).await });
        }
        let start = Instant::now();
        let (ended, mut outcomes) = mpsc::unbounded_channel();
        let arrivals = self.send_requests(self.creator(&upstream), ended, seed + 2000);
        let counting = async {
            sleep_until(start + self.warm_up).await;
            let before = upstream.counts();
            sleep_until(start + self.warm_up + self.counted).await;
            (before, upstream.counts())
        };
        let ((), counts) = tokio::join!(arrivals, counting);
        let mut figures = Figures::new(self.left(), self.counted, counts);
        while let Some(outcome) = outcomes.recv().await {
            figures.add(&outcome);
        }
        figures
    }

    /// What the other tenant leaves of the quota, in calls a second.
    fn left(&self) -> f64 {
        match self.tenancy {
            Tenancy::Alone => self.quota,
            Tenancy::Shared => 0.6 * self.quota,
        }
    }

    /// How many calls the upstream's bucket holds. How deep AWS's is, is unknown.
    /// Alone it is taken to be shallow, a fifth of a second's quota: what a burst
    /// of ours must not overrun. With another tenant it holds a second's quota:
    /// calls at random into one much shallower are throttled at any rate of ours.
    fn depth(&self) -> f64 {
        match self.tenancy {
            Tenancy::Alone => (self.quota / 5.0).max(1.0),
            Tenancy::Shared => self.quota,
        }
    }

    /// As an operator would set it who knows the quota and not the bucket: no
    /// more leaves at once than a tenth of a second's quota.
    fn settings(&self) -> AdmissionSettings {
        AdmissionSettings {
            quota: QuotaSettings {
                rate_per_second: self.quota,
                burst: NonZeroU32::new((self.quota / 10.0) as u32).unwrap_or(NonZeroU32::MIN),
                target_utilization: 0.98,
                max_wait: Duration::from_secs(10),
            },
            callers: QueueSettings::default(),
            adaptive: true,
        }
    }

    /// What it runs with, to be printed beside its figures.
    pub(crate) fn described(&self) -> String {
        let (quota, depth) = (self.settings().quota, self.depth());
        format!(
            "{:?}, Q {}: AWS's bucket holds {depth}; burst {}, target_utilization {}, max_wait {:?}, \
             deadline {DEADLINE:?}, {:?} after {:?} from each seed",
            self.tenancy,
            self.quota,
            quota.burst,
            quota.target_utilization,
            quota.max_wait,
            self.counted,
            self.warm_up,
        )
    }

    fn creator(&self, upstream: &Arc<Upstream>) -> Arc<Creator<Upstream>> {
        let retry = Retry::new(&RetrySettings {
            max_attempts: NonZeroU32::new(4).expect("not zero"),
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(2),
            budget_ratio: 0.1,
            budget_floor_per_second: 1.0,
        });
        let attempts = Attempts::new(Admission::open(self.settings()), Arc::new(retry));
        let claims = Claims::default();
        let key = SigningKey::new(&[1; 32]).expect("32 bytes");
        let keys = TokenKeys::new(key, Vec::new()).expect("one key");
        let ownership = Ownership::new(keys, "us-east-1");
        let policy = Authorizer::new(Policy::default(), DefaultPermission::Allow);
        Arc::new(Creator::new(
            upstream.clone(),
            attempts,
            claims,
            ownership,
            policy,
        ))
    }

    async fn send_requests(
        &self,
        creator: Arc<Creator<Upstream>>,
        ended: mpsc::UnboundedSender<AttemptError>,
        seed: u64,
    ) {
        let callers: Vec<CallerId> = (0..CALLERS)
            .map(|number| CallerId::new(&format!("caller-{number}")).expect("a plain name"))
            .collect();
        let rate = self.load * self.left();
        let mut random = fastrand::Rng::with_seed(seed);
        let counted_from = Instant::now() + self.warm_up;
        let end = counted_from + self.counted;
        let mut at = Instant::now();
        loop {
            at += interval(&mut random, rate);
            if at > end {
                return;
            }
            sleep_until(at).await;
            let caller = draw_caller(&mut random);
            let request = request(creator.clone(), callers[caller].clone(), caller);
            let ended = (at >= counted_from).then(|| ended.clone());
            tokio::spawn(async move {
                let outcome = request.await;
                ended.map(|ended| ended.send(outcome))
            });
        }
    }
}

fn draw_caller(random: &mut fastrand::Rng) -> usize {
    if random.f64() < BUSY_SHARE {
        0
    } else {
        random.usize(1..CALLERS)
    }
}

async fn request(creator: Arc<Creator<Upstream>>, id: CallerId, caller: usize) -> AttemptError {
    let start = Instant::now();
    let order = CreateRequest {
        caller: id,
        request_id: None,
        subject: None,
        wanted: RequestedSettings::default(),
        deadline: Deadline::after(start, DEADLINE),
        witness: Progress::default(),
    };
    let outcome = match creator.create(&order).await {
        Ok(session) => AttemptOutcome::Served {
            session: session.id,
            waited: session.effort.waited,
        },
        Err(SessionError::Refused(_)) => AttemptOutcome::AdmissionRefused,
        Err(_) => AttemptOutcome::Failed,
    };
    AttemptError {
        caller,
        outcome,
        after: start.elapsed(),
    }
}
