//! A Livegate and a simulator, each on a port of its own.

use std::net::SocketAddr;
use std::time::Duration;

use livegate::app::{AppError, Livegate};
use livegate::config::{Config, Sources};
use livegate::upstream::aws::CredentialsSource;
use livegate_simulator::{Lifetimes, Limit, Settings, Simulator, SimulatorHandle};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::admin;
use crate::harness::caller::Caller;

/// Nothing here waits for longer: what does has failed.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

/// No wait for the quota, quick retries, and as many of them as there is reason for.
const BASE: [&str; 12] = [
    "grpc.listen=127.0.0.1:0",
    "admin.listen=127.0.0.1:0",
    "upstream.attempt_timeout=2s",
    "quota.create.rate_per_second=10000",
    "quota.create.burst=1000",
    "quota.results.rate_per_second=10000",
    "quota.results.burst=1000",
    "results.enabled=true",
    "adaptive.enabled=false",
    "retry.base_delay=1ms",
    "retry.budget_floor_per_second=1000",
    "shutdown.lameduck=0s",
];

/// Both, up and ready.
pub(crate) struct Process {
    pub(crate) simulator: SimulatorHandle,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), AppError>>,
}

/// A simulator that answers at once and is never short of quota, whose sessions
/// are finished as soon as they are made.
pub(crate) fn at_once() -> Settings {
    let plenty = Limit::new(100_000.0, 100_000).expect("a limit within its bounds");
    Settings {
        create: plenty,
        results: plenty,
        latency: Some(Duration::ZERO..=Duration::ZERO),
        lifetimes: Lifetimes {
            in_progress: Duration::ZERO,
            finished: Duration::ZERO,
            ..Lifetimes::default()
        },
        ..Settings::default()
    }
}

impl Process {
    /// Starts both, with `set` upon what every scene has, and waits for `/readyz`.
    pub(crate) async fn up(settings: Settings, set: &[&str]) -> Self {
        let simulator = Simulator::bind("127.0.0.1:0", settings).await.unwrap();
        let handle = simulator.handle();
        let endpoint = format!("upstream.endpoint_url=http://{}", handle.local_addr());
        let own = [endpoint.as_str()];
        let set = BASE.iter().chain(&own).chain(set);
        let sources = Sources {
            set: set.map(|entry| (*entry).to_owned()).collect(),
            ..Sources::default()
        };
        let config = Config::load(&sources).unwrap().config;
        let livegate = Livegate::bind(config, CredentialsSource::Simulator)
            .await
            .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(simulator.run(CancellationToken::new()));
        let process = Self {
            simulator: handle,
            grpc: livegate.grpc_address().unwrap(),
            admin: livegate.admin_address().unwrap(),
            stop: stop.clone(),
            running: tokio::spawn(livegate.run(stop.cancelled_owned())),
        };
        process.ready_says("200 OK").await;
        process
    }

    pub(crate) fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc));
        endpoint.expect("an address is a URL").connect_lazy()
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::on(self.channel())
    }

    /// Plays faults from now on, and only these.
    pub(crate) fn play(&self, spec: &str) {
        self.simulator.clear_faults();
        self.simulator.reset_stats();
        self.simulator
            .enqueue([spec.parse().expect("a fault by the grammar")]);
    }

    /// Head and body of the admin port's answer; `None` where nobody listens.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        admin::get(self.admin, path).await.ok()
    }

    /// Waits until `/readyz` answers so.
    pub(crate) async fn ready_says(&self, expected: &str) {
        let said = async {
            loop {
                let answer = self.get("/readyz").await.unwrap_or_default();
                if answer.contains(expected) {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = timeout(LONGEST, said).await;
        in_time.unwrap_or_else(|_| panic!("/readyz never said {expected:?}"));
    }

    /// What the health service says of `service`.
    pub(crate) async fn health(&self, service: &str) -> &'static str {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(self.channel()).check(request).await;
        answer.unwrap().into_inner().status().as_str_name()
    }

    /// Asks it to leave and waits until it has.
    pub(crate) async fn leave(self) {
        self.stop.cancel();
        let left = timeout(LONGEST, self.running).await;
        left.expect("it leaves").unwrap().unwrap();
    }
}
