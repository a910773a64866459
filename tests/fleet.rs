//! Five `livegate serve` processes share one quota through one store, over sockets and
//! in real time, in front of a simulated AWS.
//!
//! `cargo test --test fleet -- --ignored --nocapture` prints the figures.
//! `FLEET_REQUESTS=1000` shortens the last test.

#[path = "fleet/callers.rs"]
mod callers;
#[path = "fleet/fairness.rs"]
mod fairness;
#[path = "fleet/load.rs"]
mod load;
#[path = "fleet/processes.rs"]
mod processes;
#[path = "harness/proxy.rs"]
mod proxy;
#[path = "fleet/store_return.rs"]
mod store_return;
#[path = "fleet/store_stall.rs"]
mod store_stall;
#[path = "fleet/upgrade.rs"]
mod upgrade;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livegate_simulator::{Limit, Settings, Simulator, SimulatorHandle};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::load::{Load, Tally};
use self::processes::{Replica, Store};

/// Runs one test at a time, because the tests measure.
static EXCLUSIVE: Mutex<()> = Mutex::const_new(());

const QUOTA: f64 = 25.0;
const REPLICAS: usize = 5;
/// The rates of the busiest caller and of each other caller: ten times the quota together.
const BUSIEST_PER_SECOND: f64 = 175.0;
const EACH_PER_SECOND: f64 = 75.0 / 9.0;

/// Starts a simulator with a quota of `rate`. It runs until the guard is dropped.
async fn simulator(rate: f64, burst: u32) -> (SimulatorHandle, DropGuard) {
    let settings = Settings {
        create: Limit::new(rate, burst).expect("a limit"),
        latency: Some(Duration::from_millis(50)..=Duration::from_millis(300)),
        ..Settings::default()
    };
    let simulator = Simulator::bind("127.0.0.1:0", settings).await;
    let simulator = simulator.expect("a port");
    let handle = simulator.handle();
    let stop = CancellationToken::new();
    tokio::spawn(simulator.run(stop.clone()));
    (handle, stop.drop_guard())
}

async fn fleet(store: &Store, simulator: &SimulatorHandle, settings: &[&str]) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(Replica::serve(store, simulator, settings).await);
    }
    replicas
}

/// Returns ten callers, pinned to replicas: six on the first, the busiest among them,
/// two on the second, one each on the third and the fourth, and none on the fifth.
fn pinned(replicas: &[Replica]) -> Vec<Load> {
    let pins = [0, 0, 0, 0, 0, 0, 1, 1, 2, 3];
    let load = |(number, replica): (usize, &usize)| Load {
        endpoint: replicas[*replica].endpoint(),
        caller: format!("caller-{number}"),
        per_second: if number == 0 {
            BUSIEST_PER_SECOND
        } else {
            EACH_PER_SECOND
        },
    };
    pins.iter().enumerate().map(load).collect()
}

struct Figures {
    goodput: f64,
    throttles: f64,
    jain: f64,
    admitted: f64,
    longest_gap: Duration,
    failed_slowly: f64,
}

/// Sends all `loads` for `warm_up` and `span`, and counts during `span`.
async fn measure(
    loads: Vec<Load>,
    simulator: &SimulatorHandle,
    warm_up: Duration,
    span: Duration,
) -> Figures {
    let from = Instant::now() + warm_up;
    let running = load::send(loads, from, from + span);
    let counted = async {
        sleep(warm_up).await;
        simulator.reset_stats();
        sleep(span).await;
        simulator.stats()
    };
    let (tallies, stats) = tokio::join!(running, counted);
    let served: Vec<f64> = tallies.iter().map(|tally| tally.served as f64).collect();
    let sum: f64 = served.iter().sum();
    let squares: f64 = served.iter().map(|count| count * count).sum();
    for tally in &tallies {
        println!("  {tally}");
    }
    let of_quota = |calls: f64| calls / (QUOTA * span.as_secs_f64());
    let sent: usize = tallies.iter().map(|tally| tally.sent).sum();
    let slow: usize = tallies.iter().map(|tally| tally.failed_slowly).sum();
    Figures {
        goodput: of_quota(sum),
        throttles: stats.create.throttled as f64 / sum.max(1.0),
        jain: sum * sum / (served.len() as f64 * squares.max(1.0)),
        admitted: of_quota(stats.create.calls as f64),
        longest_gap: Tally::longest_gap(&tallies, from, from + span),
        failed_slowly: slow as f64 / sent as f64,
    }
}

impl Figures {
    fn print(&self, name: &str) {
        println!(
            "{name}: goodput {:.3} Q, throttles for each success {:.4}, Jain {:.3}, \
             admitted {:.3} Q, longest time without a success {} ms, failed slowly {:.4}",
            self.goodput,
            self.throttles,
            self.jain,
            self.admitted,
            self.longest_gap.as_millis(),
            self.failed_slowly,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn five_replicas_spend_one_quota_and_share_it_by_caller() {
    let _exclusive = EXCLUSIVE.lock().await;
    let (simulator, _stop) = simulator(QUOTA, 25).await;
    let store = Store::start().await;
    let replicas = fleet(&store, &simulator, &[]).await;
    let (warm_up, span) = (Duration::from_secs(6), Duration::from_secs(30));
    let figures = measure(pinned(&replicas), &simulator, warm_up, span).await;
    figures.print("10 times overload, store available");
    assert!(figures.goodput >= 0.96);
    assert!(figures.throttles <= 0.01);
    assert!(figures.jain >= 0.98);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn five_replicas_keep_serving_while_the_store_is_killed_every_ten_seconds() {
    let _exclusive = EXCLUSIVE.lock().await;
    let (simulator, _stop) = simulator(QUOTA, 25).await;
    let mut store = Store::start().await;
    let replicas = fleet(&store, &simulator, &[]).await;
    let (warm_up, span) = (Duration::from_secs(6), Duration::from_secs(40));
    let killing = async {
        loop {
            sleep(Duration::from_secs(9)).await;
            store.kill();
            sleep(Duration::from_secs(1)).await;
            store.restart().await;
        }
    };
    let figures = tokio::select! {
        figures = measure(pinned(&replicas), &simulator, warm_up, span) => figures,
        () = killing => unreachable!("killing never ends"),
    };
    figures.print("10 times overload, store killed every 10 s, restarted empty after 1 s");
    assert!(figures.longest_gap < Duration::from_secs(2), "no stall");
    assert!(figures.admitted <= 1.05, "over-admission is bounded");
    assert!(figures.goodput >= 0.85);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn each_request_gets_one_session_while_processes_are_killed() {
    let _exclusive = EXCLUSIVE.lock().await;
    let requests = std::env::var("FLEET_REQUESTS").ok();
    let requests = requests
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    let (simulator, _stop) = simulator(2000.0, 2000).await;
    let store = Store::start().await;
    let settings = [
        "quota.create.rate_per_second=2000",
        "quota.create.burst=200",
    ];
    let mut replicas = fleet(&store, &simulator, &settings).await;
    let endpoints: Vec<String> = replicas.iter().map(Replica::endpoint).collect();
    let killed = AtomicUsize::new(0);
    let start = Instant::now();
    let responses = tokio::select! {
        responses = load::send_each_thrice(&endpoints, requests) => responses,
        () = kill_repeatedly(&mut replicas, &killed) => unreachable!("killing never ends"),
    };
    let killed = killed.into_inner();
    let stats = simulator.stats();
    let one_session = responses.iter().filter(|one| one.sessions.len() == 1);
    let one_session = one_session.count();
    let one_expiry = responses.iter().filter(|one| one.expiries.len() == 1);
    let sessions: HashSet<_> = responses.iter().flat_map(|one| &one.sessions).collect();
    println!(
        "{requests} requests, each sent three times to random replicas, {killed} processes \
         killed, in {} s: {one_session} with exactly one session, {} with one expiry, {} \
         sessions created by {} calls",
        start.elapsed().as_secs(),
        one_expiry.count(),
        stats.sessions_made,
        stats.create.calls,
    );
    assert_eq!(one_session, requests);
    assert_eq!(sessions.len(), requests);
    assert_eq!(stats.sessions_made as usize, requests);
}

async fn kill_repeatedly(replicas: &mut [Replica], killed: &AtomicUsize) {
    loop {
        sleep(Duration::from_secs(2)).await;
        let victim = &mut replicas[fastrand::usize(..REPLICAS)];
        victim.kill().await;
        killed.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(500)).await;
        victim.restart().await;
    }
}
