//! Livegate and a simulator, each on its own port.

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

/// The longest wait of these tests; a longer one is a failure.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// Configuration of all tests: no wait for the quota, short retry delays, a large retry
/// budget.
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

/// Livegate and the simulator, running.
pub(crate) struct Process {
    pub(crate) simulator: SimulatorHandle,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), AppError>>,
}

/// A simulator without latency and with a large quota, whose sessions finish as soon as
/// they are created.
pub(crate) fn at_once() -> Settings {
    let large = Limit::new(100_000.0, 100_000).expect("a limit within its bounds");
    Settings {
        create: large,
        results: large,
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
    /// Starts both, with `set` over the common configuration, and waits until `/readyz`
    /// succeeds.
    pub(crate) async fn start(settings: Settings, set: &[&str]) -> Self {
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
        process.wait_until_ready_is("200 OK").await;
        process
    }

    pub(crate) fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc));
        endpoint.expect("an address is a URL").connect_lazy()
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::on(self.channel())
    }

    /// Injects the faults of `spec` from now on, and only these.
    pub(crate) fn inject(&self, spec: &str) {
        self.simulator.clear_faults();
        self.simulator.reset_stats();
        self.simulator
            .enqueue([spec.parse().expect("a valid fault")]);
    }

    /// Returns head and body of the admin port's response; `None` if the port is closed.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        admin::get(self.admin, path).await.ok()
    }

    /// Waits until the response of `/readyz` contains `expected`.
    pub(crate) async fn wait_until_ready_is(&self, expected: &str) {
        let reached = async {
            loop {
                let response = self.get("/readyz").await.unwrap_or_default();
                if response.contains(expected) {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = timeout(TIMEOUT, reached).await;
        in_time.unwrap_or_else(|_| panic!("/readyz never returned {expected:?}"));
    }

    /// Returns the serving status of `service`.
    pub(crate) async fn health(&self, service: &str) -> &'static str {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let response = HealthClient::new(self.channel()).check(request).await;
        response.unwrap().into_inner().status().as_str_name()
    }

    /// Shuts it down, and waits until it has stopped.
    pub(crate) async fn shut_down(self) {
        self.stop.cancel();
        let stopped = timeout(TIMEOUT, self.running).await;
        stopped.expect("it shuts down").unwrap().unwrap();
    }
}
