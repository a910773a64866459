//! One caller sends a hundred times as many requests as each of nine others, over real
//! sockets and in real time. Each of the nine gets its full share.
//!
//! `cargo test --release --test fair_share -- --nocapture` prints the table.

use std::time::Duration;

use livegate::app::Livegate;
use livegate::auth::AuthMode;
use livegate::config::{Config, Loaded};
use livegate::upstream::aws::CredentialsSource;
use livegate_client::Client;
use livegate_client::v1::CreateSessionRequest;
use livegate_simulator::{Limit, Settings, Simulator, SimulatorHandle};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

const QUOTA: f64 = 25.0;
const SECONDS: u64 = 12;
const DEADLINE: Duration = Duration::from_secs(5);
/// The rate of each of the nine. A hundred times this rate is eight times the quota.
const EACH_PER_SECOND: f64 = 2.0;
const HOG_PER_SECOND: f64 = 200.0;

/// The outcomes of one caller's requests.
#[derive(Clone, Debug, Default)]
struct Tally {
    caller: String,
    sent: usize,
    served: usize,
    slowest_refusal: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_sends_a_hundredfold_does_not_reduce_the_share_of_nine_others() {
    let (endpoint, simulator, _stop) = livegate_with_a_simulator().await;
    let mut callers = JoinSet::new();
    for number in 1..=9 {
        callers.spawn(load(
            endpoint.clone(),
            format!("caller-{number}"),
            EACH_PER_SECOND,
        ));
    }
    callers.spawn(load(endpoint, "hog".to_owned(), HOG_PER_SECOND));
    let mut tallies = callers.join_all().await;
    tallies.sort_by(|a, b| a.caller.cmp(&b.caller));
    print(&tallies, &simulator);
    for tally in tallies.iter().filter(|tally| tally.caller != "hog") {
        let share = tally.served as f64 / tally.sent as f64;
        assert!(
            share >= 0.99,
            "{tally:?} sent less than its share, but was not fully served"
        );
    }
    let sent: usize = tallies.iter().map(|tally| tally.sent).sum();
    let served: usize = tallies.iter().map(|tally| tally.served).sum();
    let stats = simulator.stats();
    let late = stats.sessions_made as usize - served;
    assert!(
        late * 200 <= sent,
        "{late} of {sent} sessions were created after their deadline"
    );
    // On a busy machine, a pause can let two calls reach AWS at once.
    let throttled = stats.create.throttled;
    assert!(
        throttled * 100 <= stats.create.calls,
        "{throttled} calls exceeded the quota"
    );
}

/// Starts a Livegate with authentication by trusted header. It runs until the guard is
/// dropped.
async fn livegate_with_a_simulator() -> (String, SimulatorHandle, DropGuard) {
    let stop = CancellationToken::new();
    let limit = Limit::new(QUOTA, 5).expect("a limit");
    let settings = Settings {
        create: limit,
        ..Settings::default()
    };
    let simulator = Simulator::bind("127.0.0.1:0", settings)
        .await
        .expect("a port");
    let handle = simulator.handle();
    tokio::spawn(simulator.run(stop.clone()));
    let Loaded { mut config, .. } = Config::from_text(
        "grpc.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\nquota.create.burst = 4",
    )
    .expect("a valid configuration");
    config.auth = AuthMode::TrustedHeader.into();
    config.upstream.endpoint_url = Some(format!("http://{}", handle.local_addr()));
    let service = Livegate::bind(config, CredentialsSource::Simulator)
        .await
        .expect("two ports");
    let address = service.grpc_address().expect("it is bound");
    tokio::spawn(service.run(stop.clone().cancelled_owned()));
    (format!("http://{address}"), handle, stop.drop_guard())
}

/// Sends requests at a steady rate, whatever their outcomes.
async fn load(endpoint: String, caller: String, per_second: f64) -> Tally {
    let client = Client::new(&endpoint, DEADLINE)
        .expect("a URL")
        .as_caller(&caller);
    let mut ticks = interval(Duration::from_secs_f64(1.0 / per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let start = Instant::now();
    let mut calls = JoinSet::new();
    while start.elapsed() < Duration::from_secs(SECONDS) {
        ticks.tick().await;
        let client = client.clone();
        calls.spawn(async move {
            let sent = Instant::now();
            let response = client.create(CreateSessionRequest::default()).await;
            (response.is_ok(), sent.elapsed())
        });
    }
    let mut tally = Tally {
        caller,
        sent: calls.len(),
        ..Tally::default()
    };
    for (served, took) in calls.join_all().await {
        if served {
            tally.served += 1;
        } else {
            tally.slowest_refusal = tally.slowest_refusal.max(took);
        }
    }
    tally
}

fn print(tallies: &[Tally], simulator: &SimulatorHandle) {
    println!(
        "{:<10}{:>6}{:>8}{:>8}  slowest refusal",
        "caller", "sent", "served", "share"
    );
    for Tally {
        caller,
        sent,
        served,
        slowest_refusal,
    } in tallies
    {
        let share = 100.0 * *served as f64 / *sent as f64;
        println!("{caller:<10}{sent:>6}{served:>8}{share:>7.1}%  {slowest_refusal:.1?}");
    }
    let stats = simulator.stats();
    println!(
        "AWS: {} calls, {} throttled",
        stats.create.calls, stats.create.throttled
    );
}
