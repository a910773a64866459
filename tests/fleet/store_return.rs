//! At each return of the store, at most the burst leaves beyond the quota.

use std::time::Duration;

use livegate_simulator::SimulatorHandle;
use tokio::time::{Instant, interval, sleep};

use super::load::{self, Load};
use super::processes::{Replica, Store};
use super::proxy::Proxy;
use super::{EXCLUSIVE, QUOTA, simulator};

/// `quota.create.burst`, a fifth of a second by default.
pub(super) const BURST: f64 = 5.0;
const OUTAGES: u32 = 4;
/// How long after the others the third replica returns.
const LATE: Duration = Duration::from_secs(3);

/// The calls that reached the simulator, in total, at increasing instants.
pub(super) struct Calls(Vec<(Instant, u64)>);

impl Calls {
    pub(super) async fn count(simulator: &SimulatorHandle, to: Instant) -> Self {
        let mut samples = Vec::new();
        let mut ticks = interval(Duration::from_millis(10));
        while Instant::now() < to {
            ticks.tick().await;
            samples.push((Instant::now(), simulator.stats().create.calls));
        }
        Self(samples)
    }

    /// Returns how many calls arrived between `from` and `to`.
    fn between(&self, from: Instant, to: Instant) -> u64 {
        let samples = self.0.iter().filter(|(at, _)| (from..to).contains(at));
        let mut calls = samples.map(|(_, calls)| *calls);
        let first = calls.next().unwrap_or_default();
        calls.next_back().unwrap_or(first) - first
    }

    /// Returns the most calls beyond the quota in any window between `from` and `to`.
    pub(super) fn beyond_quota(&self, from: Instant, to: Instant) -> f64 {
        let (mut most, mut least) = (0.0_f64, f64::INFINITY);
        for (at, calls) in self.0.iter().filter(|(at, _)| (from..to).contains(at)) {
            let excess = *calls as f64 - QUOTA * (*at - from).as_secs_f64();
            least = least.min(excess);
            most = most.max(excess - least);
        }
        most
    }
}

/// One outage of the store: its number, when the store was killed, and when all replicas had
/// returned for a while.
type Outage = (u32, Instant, Instant);

/// Kills and restarts the store. In every other outage the third replica returns later.
async fn play_outages(store: &mut Store, proxy: &Proxy) -> Vec<Outage> {
    let mut outages = Vec::new();
    sleep(Duration::from_secs(4)).await;
    for outage in 0..OUTAGES {
        sleep(Duration::from_secs(5)).await;
        let killed = Instant::now();
        store.kill();
        proxy.open.send_replace(outage % 2 == 0);
        sleep(Duration::from_secs(1)).await;
        store.restart().await;
        sleep(LATE).await;
        proxy.open.send_replace(true);
        sleep(Duration::from_secs(1)).await;
        outages.push((outage, killed, Instant::now()));
    }
    outages
}

fn check((outage, killed, end): Outage, calls: &Calls) {
    let steady = calls.beyond_quota(killed - Duration::from_secs(3), killed);
    let beyond = calls.beyond_quota(killed, end);
    let which = ["all replicas return together", "one returns 3 s later"];
    let which = which[outage as usize % 2];
    println!(
        "outage {outage}, {which}: {beyond:.1} calls beyond the quota in any window, \
         {steady:.1} in the 3 s before"
    );
    let sent = calls.between(killed, end);
    assert!(sent > 50, "{sent} calls are too few to measure");
    // Calls of a process that was stalled arrive together.
    assert!(steady <= BURST, "the machine is too busy to measure");
    assert!(beyond <= BURST + 1.0, "{beyond}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn at_each_return_of_the_store_at_most_the_burst_leaves_beyond_the_quota() {
    let _exclusive = EXCLUSIVE.lock().await;
    let (simulator, _stop) = simulator(QUOTA, 25).await;
    let mut store = Store::start().await;
    let proxy = Proxy::before(store.port()).await;
    let late = format!("store.url=redis://127.0.0.1:{}", proxy.port);
    let mut replicas = Vec::new();
    for settings in [&[][..], &[][..], &[late.as_str()][..]] {
        replicas.push(Replica::serve(&store, &simulator, settings).await);
    }
    let load = |(number, replica): (usize, &Replica)| Load {
        endpoint: replica.endpoint(),
        caller: format!("caller-{number}"),
        per_second: 2.0 * QUOTA,
    };
    let loads = replicas.iter().enumerate().map(load).collect();
    let start = Instant::now() + Duration::from_secs(6);
    let to = Instant::now() + Duration::from_secs(4 + u64::from(OUTAGES) * 10 + 2);
    let (_, calls, outages) = tokio::join!(
        load::send(loads, start, to),
        Calls::count(&simulator, to),
        play_outages(&mut store, &proxy)
    );
    for outage in outages {
        check(outage, &calls);
    }
}
