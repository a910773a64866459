//! Fairness and rate limits of callers on three replicas of admission that share a quota
//! through a redis-server, without gRPC and AWS, in real time.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use livegate::admission::{
    Admission, AdmissionSettings, ArrivalKind, AttemptOutcome, CallerLimits, QueueSettings,
    QuotaSettings, SharedQuota, Weight,
};
use livegate::model::{CallerGlob, CallerGlobs, CallerId, Deadline, PerCaller};
use livegate::store::{Store as Connection, StoreMetrics, StoreSettings, StoreTls};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::processes::Store;

const REPLICAS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(8);
const WARM_UP: Duration = Duration::from_secs(6);
const SPAN: Duration = Duration::from_secs(20);

/// Callers that share a quota, and the requests that they send.
pub(crate) struct Scenario {
    name: &'static str,
    rate: f64,
    limits: PerCaller<CallerLimits>,
    /// A caller, the replicas that it sends to, and its requests a second on each.
    loads: Vec<(String, Vec<usize>, f64)>,
}

impl Scenario {
    pub(crate) fn new(name: &'static str, rate: f64) -> Self {
        Self {
            name,
            rate,
            limits: PerCaller::default(),
            loads: Vec::new(),
        }
    }

    /// Adds a caller that sends `per_second` to each of `replicas`.
    pub(crate) fn caller(mut self, name: &str, replicas: &[usize], per_second: f64) -> Self {
        let load = (name.to_owned(), replicas.to_vec(), per_second);
        self.loads.push(load);
        self
    }

    pub(crate) fn limit(mut self, name: &str, weight: u32, max_rate: Option<f64>) -> Self {
        let limits = CallerLimits {
            weight: Weight::new(weight).expect("1 to 100"),
            max_rate_per_second: max_rate,
            ..CallerLimits::default()
        };
        if CallerGlob::is_glob(name) {
            let glob = CallerGlob::parse(name).expect("a pattern");
            self.limits.globs = CallerGlobs::new([(glob, limits)]).expect("one pattern");
        } else {
            let caller = CallerId::new(name).expect("a name");
            self.limits.named.insert(caller, limits);
        }
        self
    }

    /// Runs the scenario, prints the rates by caller, and returns them.
    pub(crate) async fn run(self, store: &Store) -> Rates {
        let replicas = self.replicas(store).await;
        let (from, to) = (Instant::now() + WARM_UP, Instant::now() + WARM_UP + SPAN);
        let mut running = JoinSet::new();
        for (name, on, per_second) in self.loads {
            for replica in on {
                let (name, admission) = (name.clone(), replicas[replica].clone());
                running.spawn(async move {
                    let served = send(&admission, &name, per_second, from, to).await;
                    (name, served)
                });
            }
        }
        let mut served: BTreeMap<String, f64> = BTreeMap::new();
        for (name, count) in running.join_all().await {
            *served.entry(name).or_default() += f64::from(count) / SPAN.as_secs_f64();
        }
        let rates = Rates(served);
        rates.print(self.name);
        rates
    }

    async fn replicas(&self, store: &Store) -> Vec<Admission> {
        let settings = StoreSettings {
            url: Some(store.url()),
            user: None,
            password: None,
            password_file: None,
            tls: StoreTls::default(),
            timeout: Duration::from_millis(500),
            prefix: "test".to_owned(),
            max_replicas: NonZeroU32::MIN,
        };
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            let connection = Connection::open(&settings, &StoreMetrics::default());
            let quota = SharedQuota {
                store: connection.expect("it has a URL"),
                name: self.name.to_owned(),
                max_replicas: NonZeroU32::new(10).expect("not zero"),
            };
            replicas.push(Admission::open_shared(self.settings(), quota));
        }
        for replica in &replicas {
            while replica.state().is_none_or(|state| state.degraded) {
                sleep(Duration::from_millis(10)).await;
            }
        }
        replicas
    }

    fn settings(&self) -> AdmissionSettings {
        AdmissionSettings {
            quota: QuotaSettings {
                rate_per_second: self.rate,
                burst: NonZeroU32::new((self.rate / 5.0) as u32).expect("not zero"),
                target_utilization: 1.0,
                max_wait: DEADLINE,
            },
            callers: QueueSettings {
                limits: self.limits.clone(),
                max_callers: NonZeroU32::new(2000).expect("not zero"),
                ..QueueSettings::default()
            },
            adaptive: false,
            check_limit: None,
        }
    }
}

/// Sends at a steady rate, whatever the outcomes. Returns the permits from `from` to `to`.
async fn send(admission: &Admission, name: &str, rate: f64, from: Instant, to: Instant) -> u32 {
    let caller = CallerId::new(name).expect("a name");
    sleep(Duration::from_secs_f64(fastrand::f64() / rate)).await;
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    while Instant::now() < to {
        ticks.tick().await;
        let (admission, caller) = (admission.clone(), caller.clone());
        requests.spawn(async move {
            let deadline = Deadline::after(Instant::now(), DEADLINE);
            let permit = admission.admit(&caller, ArrivalKind::New, deadline).await;
            permit.ok().map(|permit| {
                permit.finish(AttemptOutcome::Answered);
                Instant::now()
            })
        });
    }
    let permits = requests.join_all().await.into_iter().flatten();
    let counted = permits.filter(|at| (from..to).contains(at)).count();
    u32::try_from(counted).expect("few requests")
}

/// The permits a second of each caller.
pub(crate) struct Rates(BTreeMap<String, f64>);

impl Rates {
    /// Returns the rate of all callers whose names start with `prefix`.
    pub(crate) fn of(&self, prefix: &str) -> f64 {
        let rates = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        rates.map(|(_, rate)| rate).sum()
    }

    /// Returns Jain's index of the callers whose names start with `prefix`.
    pub(crate) fn jain(&self, prefix: &str) -> f64 {
        let rates = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        let rates: Vec<f64> = rates.map(|(_, rate)| *rate).collect();
        let (sum, squares) = rates.iter().fold((0.0, 0.0), |(sum, squares), rate| {
            (sum + rate, squares + rate * rate)
        });
        sum * sum / (rates.len() as f64 * squares)
    }

    /// Prints a row: the rate of each caller, or of each group of callers `GROUP/NAME`.
    fn print(&self, scenario: &str) {
        let mut groups: HashMap<&str, Vec<f64>> = HashMap::new();
        for (name, rate) in &self.0 {
            let group = name.split('/').next().unwrap_or(name);
            groups.entry(group).or_default().push(*rate);
        }
        let mut cells: Vec<String> = groups
            .iter()
            .map(|(group, rates)| match rates.as_slice() {
                [rate] => format!("{group} {rate:.2}"),
                rates => format!(
                    "{} of {group} {:.2} together, Jain {:.3}",
                    rates.len(),
                    rates.iter().sum::<f64>(),
                    self.jain(&format!("{group}/")),
                ),
            })
            .collect();
        cells.sort_unstable();
        let all = self.jain("");
        println!("| {scenario} | {} | {all:.3} |", cells.join("; "));
    }
}
