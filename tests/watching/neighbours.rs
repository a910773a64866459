//! A watch beside a greedy caller, whose reads or watches always wait for quota.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use livegate::admission::{CallerLimits, QueueSettings};
use livegate::model::{CallerId, Deadline, SessionStatus};
use livegate::result_token::TokenKeys;
use livegate::session::{Progress, ResultReader, Watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::clients::{keys, reader, request, session};
use super::upstream::{Check, Upstream};

const SECOND: Duration = Duration::from_secs(1);

/// The sessions of the greedy caller have the numbers below this.
const VICTIM: u32 = 1000;

/// A greedy caller and a victim, which share a Livegate.
pub(crate) struct Neighbours {
    reader: Arc<ResultReader<Upstream>>,
    keys: TokenKeys,
    /// The check of the victim.
    check: Check,
}

impl Neighbours {
    /// Starts a Livegate that limits the greedy caller to `max_rate` calls a second.
    pub(crate) fn start(max_rate: Option<f64>) -> Self {
        let mut rng = fastrand::Rng::with_seed(3);
        let now = Instant::now();
        let mut checks = std::iter::repeat_with(|| Check::issued_at(now, &mut rng));
        let check = checks.find(|check| check.finished_at().is_some()).unwrap();
        // A final result would be in memory, and cost no quota.
        let unused = checks.filter(|check| check.finished_at().is_none());
        let mut checks: HashMap<_, _> = (0..VICTIM).map(session).zip(unused).collect();
        checks.insert(session(VICTIM), check);
        let limits = CallerLimits {
            max_rate_per_second: max_rate,
            ..CallerLimits::default()
        };
        let mut callers = QueueSettings::default();
        let greedy = CallerId::new("greedy").unwrap();
        callers.limits.named.insert(greedy, limits);
        let keys = keys();
        Self {
            reader: Arc::new(reader(&Arc::new(Upstream::new(checks)), &keys, callers)),
            keys,
            check,
        }
    }

    /// Keeps `count` reads of the greedy caller in flight.
    pub(crate) fn keep_reading(&self, count: u32) -> JoinSet<()> {
        let mut reads = JoinSet::new();
        for number in 0..count {
            let mut request = request("greedy", session(number), &self.keys);
            let reader = self.reader.clone();
            reads.spawn(async move {
                loop {
                    request.deadline = Deadline::after(Instant::now(), 8 * SECOND);
                    let read = reader.read(&request, &mut Progress::default()).await;
                    if read.is_err() {
                        sleep(SECOND / 5).await;
                    }
                }
            });
        }
        reads
    }

    /// Opens a watch of each of `count` callers.
    pub(crate) fn watch_from_each(&self, count: u32) -> Vec<Watch> {
        let watch = |number| {
            let request = request(&format!("caller-{number}"), session(number), &self.keys);
            self.reader.watch(&request).unwrap()
        };
        (0..count).map(watch).collect()
    }

    /// Returns how long a read of the victim takes.
    pub(crate) async fn read_time(&self) -> Duration {
        let mut request = request("victim", session(VICTIM), &self.keys);
        request.deadline = Deadline::after(Instant::now(), 8 * SECOND);
        let start = Instant::now();
        let read = self.reader.read(&request, &mut Progress::default()).await;
        read.unwrap();
        start.elapsed()
    }

    /// Opens `count` watches of the greedy caller.
    pub(crate) fn keep_watching(&self, count: u32) -> Vec<Watch> {
        let watch = |number| {
            let request = request("greedy", session(number), &self.keys);
            self.reader.watch(&request).unwrap()
        };
        (0..count).map(watch).collect()
    }

    /// Checks that a watch of the victim receives its first state and its result soon.
    pub(crate) async fn assert_victim_is_served(&self) {
        sleep(SECOND).await;
        let watched_at = Instant::now();
        let request = request("victim", session(VICTIM), &self.keys);
        let mut watch = self.reader.watch(&request).unwrap();
        watch.next(&mut Progress::default()).await.unwrap();
        let first = watched_at.elapsed();
        assert!(first < SECOND, "its first state took {first:?}");
        let status = loop {
            let state = watch.next(&mut Progress::default()).await.unwrap();
            if state.result.status.is_final() {
                break state.result.status;
            }
        };
        let late = self.check.finished_at().unwrap().elapsed();
        println!("first state after {first:?}, result {late:?} after the check");
        assert_eq!(status, SessionStatus::Succeeded);
        assert!(late < 3 * SECOND, "its result was {late:?} late");
    }
}
