//! One scenario of the simulation: ten callers share one quota.
//!
//! The first caller sends 70 % of the load, and the nine others share the rest.
//! Requests are a Poisson process, each with a deadline of 5 s. They pass through the
//! real creator, admission and retry. A client that fails does not retry.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use livegate::admission::{Admission, AdmissionSettings, QueueSettings, QuotaSettings};
use livegate::auth::policy::{Authorizer, DefaultPermission, Policy};
use livegate::idempotency::Idempotency;
use livegate::model::Deadline;
use livegate::model::{CallerId, Operation, RequestedSettings};
use livegate::result_token::{SigningKey, TokenKeys};
use livegate::retry::{RetryPolicy, RetrySettings};
use livegate::session::{AttemptPolicy, CreateRequest, Creator, Ownership, Progress, SessionError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::convergence::{Convergence, Throttles};
use super::figures::{CompletedRequest, Figures, RequestOutcome};
use super::upstream::{Upstream, interval};

pub(crate) const CALLERS: usize = 10;
const BUSY_SHARE: f64 = 0.7;
const DEADLINE: Duration = Duration::from_secs(5);
const FIRST_SEED: u64 = 42;

/// The other tenants of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// None.
    Alone,
    /// One that calls at random at 40 % of the quota, and never waits.
    Shared,
}

/// The parameters of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) quota: f64,
    /// Arrivals, in multiples of what the other tenant leaves of the quota.
    pub(crate) load: f64,
    pub(crate) tenancy: Tenancy,
    /// The time before the figures are counted.
    pub(crate) warm_up: Duration,
    pub(crate) counted: Duration,
    /// The number of runs, each from another seed.
    pub(crate) runs: u64,
}

impl Scenario {
    /// Runs the scenario on paused time, alone in its thread.
    pub(crate) fn run(&self) -> Figures {
        let mut runs = self.seeds().map(|seed| self.run_from(seed));
        let first = runs.next().expect("there is at least one run");
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

    /// Counts the throttled attempts after the other tenant starts, at the end of the
    /// warm-up.
    pub(crate) fn convergence(&self) -> Convergence {
        let runtime = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build();
            runtime.expect("a runtime")
        };
        let run = |seed| {
            fastrand::seed(seed);
            runtime().block_on(self.count_throttles(seed))
        };
        Convergence(self.seeds().map(run).collect())
    }

    async fn count_throttles(&self, seed: u64) -> Throttles {
        let upstream = Arc::new(Upstream::new(self.quota, self.depth(), seed));
        let start = Instant::now();
        let (completed, _) = mpsc::unbounded_channel();
        let arrivals = self.send_requests(self.creator(&upstream), completed, seed + 2000);
        let counting = async {
            sleep_until(start + self.warm_up).await;
            let rate = self.quota - self.left();
            let tenant = upstream.clone();
            tokio::spawn(async move { tenant.other_tenant(rate, seed + 1000).await });
            Throttles::count(&upstream).await
        };
        tokio::join!(arrivals, counting).1
    }

    async fn simulate(&self, seed: u64) -> Figures {
        let upstream = Arc::new(Upstream::new(self.quota, self.depth(), seed));
        if self.tenancy == Tenancy::Shared {
            let rate = self.quota - self.left();
            let (upstream, seed) = (upstream.clone(), seed + 1000);
            tokio::spawn(async move { upstream.other_tenant(rate, seed).await });
        }
        let start = Instant::now();
        let (completed, mut requests) = mpsc::unbounded_channel();
        let arrivals = self.send_requests(self.creator(&upstream), completed, seed + 2000);
        let counting = async {
            sleep_until(start + self.warm_up).await;
            let before = upstream.counts();
            sleep_until(start + self.warm_up + self.counted).await;
            (before, upstream.counts())
        };
        let ((), counts) = tokio::join!(arrivals, counting);
        let mut figures = Figures::new(self.left(), self.counted, counts);
        while let Some(request) = requests.recv().await {
            figures.add(&request);
        }
        figures
    }

    /// Returns the calls a second that the other tenant leaves of the quota.
    fn left(&self) -> f64 {
        match self.tenancy {
            Tenancy::Alone => self.quota,
            Tenancy::Shared => 0.6 * self.quota,
        }
    }

    /// Returns how many calls the upstream's bucket holds. The depth of AWS's bucket is
    /// unknown. Without another tenant it is assumed to be shallow, a fifth of a
    /// second's quota, which our bursts must not exceed. With another tenant it holds a
    /// second's quota, because a tenant that calls at random would be throttled by a
    /// much shallower one at any rate of ours.
    fn depth(&self) -> f64 {
        match self.tenancy {
            Tenancy::Alone => (self.quota / 5.0).max(1.0),
            Tenancy::Shared => self.quota,
        }
    }

    /// Returns the settings of an operator that knows the quota and not the depth of the
    /// bucket: a burst of a tenth of a second's quota.
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
            check_limit: None,
        }
    }

    /// Describes the settings, to be printed beside the figures.
    pub(crate) fn description(&self) -> String {
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
        let retry = RetryPolicy::new(&RetrySettings {
            max_attempts: NonZeroU32::new(4).expect("not zero"),
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(2),
            budget_ratio: 0.1,
            budget_floor_per_second: 1.0,
        });
        let attempts = AttemptPolicy::new(
            Operation::Create,
            Admission::open(self.settings()),
            Arc::new(retry),
        );
        let idempotency = Idempotency::default();
        let key = SigningKey::new(&[1; 32]).expect("32 bytes");
        let keys = TokenKeys::new(key, Vec::new()).expect("one key");
        let ownership = Ownership::new(keys, "us-east-1");
        Arc::new(Creator::new(
            upstream.clone(),
            attempts,
            idempotency,
            ownership,
        ))
    }

    async fn send_requests(
        &self,
        creator: Arc<Creator<Upstream>>,
        completed: mpsc::UnboundedSender<CompletedRequest>,
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
            let completed = (at >= counted_from).then(|| completed.clone());
            tokio::spawn(async move {
                let request = request.await;
                completed.map(|completed| completed.send(request))
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

async fn request(creator: Arc<Creator<Upstream>>, id: CallerId, caller: usize) -> CompletedRequest {
    let start = Instant::now();
    let authorizer = Authorizer::new(Policy::default(), DefaultPermission::Allow);
    let request = CreateRequest {
        permissions: authorizer.permissions(&id),
        caller: id,
        request_id: None,
        subject: None,
        requested: RequestedSettings::default(),
        deadline: Deadline::after(start, DEADLINE),
    };
    let mut progress = Progress::default();
    let outcome = match creator.create(&request, &mut progress).await {
        Ok(session) => RequestOutcome::Served {
            session: session.id,
            waited: progress.waited,
        },
        Err(SessionError::Refused(_)) => RequestOutcome::Refused,
        Err(_) => RequestOutcome::Failed,
    };
    CompletedRequest {
        caller,
        outcome,
        took: start.elapsed(),
    }
}
