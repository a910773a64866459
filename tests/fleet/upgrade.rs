//! An upgrade and its rollback under load: two replicas of two builds on one store.
//!
//! `UPGRADE_FROM=PATH cargo test --test fleet upgrade -- --ignored --nocapture` upgrades
//! from that build of an earlier release and back; without it both builds are this one.
//! `UPGRADE_SETTING=KEY=VALUE` is a setting of all replicas.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use livegate_client::v1::CreateSessionRequest;
use livegate_client::{Client, ClientError};
use livegate_simulator::SimulatorHandle;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use super::processes::{Replica, Store};
use super::store_return::{BURST, Calls};
use super::{EXCLUSIVE, QUOTA, simulator};

const DEADLINE: Duration = Duration::from_secs(5);
/// How long each combination of builds runs.
const PHASE: Duration = Duration::from_secs(6);
/// The load of a caller below its share, and of one far above the quota.
const STEADY_PER_SECOND: f64 = 8.0;
const GREEDY_PER_SECOND: f64 = 60.0;

/// The replicas that are ready, as a load balancer has them, by endpoint.
type Endpoints = Arc<Mutex<Vec<(String, Client)>>>;

/// A call's request id and session, or its error.
type Created = Result<(String, String), ClientError>;

struct Deployment {
    store: Store,
    simulator: SimulatorHandle,
    replicas: Vec<Replica>,
    endpoints: Endpoints,
}

impl Deployment {
    async fn start(&mut self, build: &Path) {
        // The load balancer removes an endpoint before its replica stops.
        let setting = std::env::var("UPGRADE_SETTING").ok();
        let fixed = ["shutdown.lameduck=1s", "store.timeout=1s"];
        let settings: Vec<&str> = fixed.into_iter().chain(setting.as_deref()).collect();
        let replica = Replica::serve_build(build, &self.store, &self.simulator, &settings).await;
        let client = Client::new(&replica.endpoint(), DEADLINE).expect("a URL");
        self.endpoints.lock().push((replica.endpoint(), client));
        self.replicas.push(replica);
    }

    /// Starts a replica of `build`, and stops the oldest one.
    async fn replace_oldest(&mut self, build: &Path) {
        self.start(build).await;
        let oldest = self.replicas.remove(0);
        let endpoint = oldest.endpoint();
        self.endpoints.lock().retain(|(one, _)| *one != endpoint);
        let status = oldest.terminate().await;
        assert!(status.success(), "{status}");
    }
}

async fn create(endpoints: &Endpoints, caller: &str, request_id: String) -> Created {
    let (_, client) = {
        let endpoints = endpoints.lock();
        endpoints[fastrand::usize(..endpoints.len())].clone()
    };
    let request = CreateSessionRequest {
        request_id: request_id.clone(),
        ..CreateSessionRequest::default()
    };
    let response = client.as_caller(caller).create(request).await?;
    let session = response.message.session.expect("a response has a session");
    Ok((request_id, session.session_id))
}

/// Sends the calls of `caller` to random endpoints until `to`.
async fn send(endpoints: Endpoints, caller: &'static str, rate: f64, to: Instant) -> Vec<Created> {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    let mut calls = JoinSet::new();
    while Instant::now() < to {
        ticks.tick().await;
        let endpoints = endpoints.clone();
        let request_id = uuid::Uuid::new_v4().to_string();
        calls.spawn(async move { create(&endpoints, caller, request_id).await });
    }
    calls.join_all().await
}

/// Runs a phase under load, and repeats the calls of the phase `before` in it.
async fn phase(name: &str, deployment: &Deployment, before: &[(String, String)]) -> Phase {
    let from = Instant::now();
    let to = from + PHASE;
    let endpoints = || deployment.endpoints.clone();
    let (steady, greedy, calls, _) = tokio::join!(
        send(endpoints(), "steady", STEADY_PER_SECOND, to),
        send(endpoints(), "greedy", GREEDY_PER_SECOND, to),
        Calls::count(&deployment.simulator, to),
        sleep(PHASE),
    );
    let mut repeated = 0;
    for (request_id, session) in before {
        let created = create(&deployment.endpoints, "steady", request_id.clone()).await;
        repeated += usize::from(created.is_ok_and(|(_, again)| again == *session));
    }
    let failed = steady.iter().filter_map(|call| call.as_ref().err());
    let failed: Vec<String> = failed.map(ToString::to_string).collect();
    let phase = Phase {
        beyond_quota: calls.beyond_quota(from, to),
        missed: before.len() - repeated,
        created: steady.into_iter().filter_map(Result::ok).collect(),
        failed,
    };
    let granted = greedy.iter().filter(|call| call.is_ok()).count();
    println!(
        "{name}: steady {} of {}, greedy {granted} of {}; {:.1} calls beyond the quota in any \
         window; {repeated} of {} request ids of the phase before have the same session",
        phase.created.len(),
        phase.created.len() + phase.failed.len(),
        greedy.len(),
        phase.beyond_quota,
        before.len(),
    );
    phase
}

struct Phase {
    created: Vec<(String, String)>,
    failed: Vec<String>,
    beyond_quota: f64,
    missed: usize,
}

impl Phase {
    fn check(&self) {
        assert!(self.failed.is_empty(), "{:?}", self.failed);
        assert_eq!(self.missed, 0, "request ids without their session");
        // Calls of a process that was stalled arrive together. Two quotas would be 150 calls.
        assert!(self.beyond_quota <= 2.0 * BURST, "{}", self.beyond_quota);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn an_upgrade_and_a_rollback_lose_no_call_no_session_and_no_limit() {
    let _exclusive = EXCLUSIVE.lock().await;
    let new = PathBuf::from(env!("CARGO_BIN_EXE_livegate"));
    let old = std::env::var_os("UPGRADE_FROM").map_or_else(|| new.clone(), PathBuf::from);
    let (simulator, _stop) = simulator(QUOTA, 25).await;
    let mut deployment = Deployment {
        store: Store::start().await,
        simulator,
        replicas: Vec::new(),
        endpoints: Endpoints::default(),
    };
    deployment.start(&old).await;
    deployment.start(&old).await;
    phase("warm-up", &deployment, &[]).await;
    let mut phases = vec![phase("old, old", &deployment, &[]).await];
    for (name, build) in [
        ("old, new", &new),
        ("new, new", &new),
        ("new, old", &old),
        ("old, old", &old),
    ] {
        let endpoints = deployment.endpoints.clone();
        let replaced = Instant::now() + PHASE;
        let meanwhile = send(endpoints, "steady", STEADY_PER_SECOND, replaced);
        let (during, ()) = tokio::join!(meanwhile, deployment.replace_oldest(build));
        let failed = during.iter().filter_map(|call| call.as_ref().err());
        let failed: Vec<String> = failed.map(ToString::to_string).collect();
        println!(
            "replacing: steady {} of {}",
            during.len() - failed.len(),
            during.len()
        );
        assert!(failed.is_empty(), "{failed:?}");
        let before = phases.last().map(|phase| phase.created.as_slice());
        let next = phase(name, &deployment, before.unwrap_or_default()).await;
        phases.push(next);
    }
    phases.iter().for_each(Phase::check);
}
