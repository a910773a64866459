//! One run: fresh processes, the load, the figures, the end of all processes.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::arm::{Arm, Fleet, Placement};
use super::arms::{RetryMode, SdkClientArgs};
use super::case::{CALLERS, Case, Cell, TENANT};
use super::figures::{Figures, Run};
use super::fleet::Replicas;
use super::load::{self, Caller};
use super::outcome::Outcome;
use super::process::{PATIENCE, Process};
use super::simulator::Simulator;

/// The other tenant waits for the answer of each of its calls.
const TENANT_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs `cell`. Dropped half way, or failed, it ends its processes too.
pub(crate) async fn run(cell: &Cell) -> anyhow::Result<Figures> {
    let case = &cell.case;
    let directory = tempfile::tempdir().context("cannot make a directory")?;
    let simulator = Simulator::start(cell).await?;
    let mut tenant = Clients::ready(tenant(cell, &simulator)).await?;
    let mut arm = Started::start(cell, &simulator, directory.path()).await?;

    let zero = Instant::now();
    let stop = CancellationToken::new();
    let sampling = simulator.sample(zero, stop.clone());
    let (outcomes, tenant) = tokio::try_join!(arm.load(cell, zero), tenant.load(case))?;
    // At light load the last request may end before the last counted second does.
    sleep_until(zero + case.length()).await;
    stop.cancel();
    let samples = sampling.await.context("reading the counters")??;
    arm.end().await;
    simulator.end().await;
    let run = Run {
        quota: case.quota,
        burst: case.burst(),
        callers: CALLERS,
        deadline: case.deadline.as_secs_f64(),
        counted: case.counted_seconds(),
        outcomes: &outcomes,
        samples: &samples,
        tenant: &tenant,
        tenant_share: case.tenant_share,
    };
    run.figures().context("the counters do not span the run")
}

/// The processes of an arm, ready for load.
enum Started {
    Clients(Clients),
    Service(Process, Vec<Caller>),
    Livegate(Replicas, Fleet, Vec<Caller>),
}

impl Started {
    async fn start(cell: &Cell, simulator: &Simulator, directory: &Path) -> anyhow::Result<Self> {
        let quota = cell.case.quota;
        match cell.arm {
            Arm::SdkStandard => clients(cell, simulator, RetryMode::Standard, None).await,
            Arm::SdkAdaptive => clients(cell, simulator, RetryMode::Adaptive, None).await,
            Arm::SplitQuota => {
                let own_limit = Some(quota / CALLERS as f64);
                clients(cell, simulator, RetryMode::Standard, own_limit).await
            }
            Arm::PlainService => service("plain-service", quota, simulator).await,
            Arm::StrongService => service("strong-service", quota, simulator).await,
            Arm::Livegate(fleet) => {
                let replicas = Replicas::start(fleet, quota, simulator, directory).await?;
                let callers = connect(&replicas.endpoints(), fleet.placement).await?;
                Ok(Self::Livegate(replicas, fleet, callers))
            }
        }
    }

    /// Sends the load and waits for the end of every request.
    async fn load(&mut self, cell: &Cell, zero: Instant) -> anyhow::Result<Vec<Outcome>> {
        let Cell { case, seed, .. } = cell;
        match self {
            Self::Clients(clients) => clients.load(case).await,
            Self::Service(_, callers) => Ok(load::send_all(callers, case, *seed, zero).await),
            Self::Livegate(replicas, fleet, callers) => {
                let sent = load::send_all(callers, case, *seed, zero);
                let (outcomes, outage) = tokio::join!(sent, outage(replicas, *fleet, case));
                outage?;
                Ok(outcomes)
            }
        }
    }

    async fn end(self) {
        match self {
            Self::Clients(clients) => clients.end().await,
            Self::Service(process, _) => process.discard_output().end().await,
            Self::Livegate(replicas, ..) => replicas.end().await,
        }
    }
}

/// Takes the store away for the middle third of the counted seconds.
async fn outage(replicas: &mut Replicas, fleet: Fleet, case: &Case) -> anyhow::Result<()> {
    if !fleet.store_outage {
        return Ok(());
    }
    let third = case.counted / 3;
    replicas.outage(case.warm_up + third, third).await
}

/// Connects the ten callers to their replicas.
async fn connect(endpoints: &[&str], placement: Placement) -> anyhow::Result<Vec<Caller>> {
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let own = [endpoints[number % endpoints.len()]];
        let reached = match placement {
            Placement::Pinned => &own[..],
            Placement::Spread => endpoints,
        };
        callers.push(Caller::connect(number, reached).await?);
    }
    Ok(callers)
}

/// Processes that call AWS by themselves.
struct Clients(Vec<Process>);

impl Clients {
    /// Starts them and waits until each is ready.
    async fn ready(all: impl IntoIterator<Item = SdkClientArgs>) -> anyhow::Result<Self> {
        let spawn = |args: SdkClientArgs| {
            Process::arm(["arm".to_owned()].into_iter().chain(args.command_line()))
        };
        let processes: anyhow::Result<Vec<_>> = all.into_iter().map(spawn).collect();
        let mut clients = Self(processes?);
        for process in &mut clients.0 {
            process.line(PATIENCE).await?;
        }
        Ok(clients)
    }

    /// Starts the load of all at once, and reads their outcomes.
    async fn load(&mut self, case: &Case) -> anyhow::Result<Vec<Outcome>> {
        for process in &mut self.0 {
            process.start().await?;
        }
        let limit = case.length() + case.deadline + PATIENCE;
        let mut outcomes = Vec::new();
        for process in &mut self.0 {
            let line = process.line(limit).await?;
            outcomes.extend(serde_json::from_str::<Vec<Outcome>>(&line)?);
        }
        Ok(outcomes)
    }

    async fn end(self) {
        for process in self.0 {
            process.discard_output().end().await;
        }
    }
}

async fn clients(
    cell: &Cell,
    simulator: &Simulator,
    retries: RetryMode,
    own_limit: Option<f64>,
) -> anyhow::Result<Started> {
    let numbers = 0..CALLERS;
    let args = numbers.map(|caller| SdkClientArgs {
        aws: simulator.url(),
        caller,
        rate: cell.case.rates()[caller],
        seed: cell.seed,
        length: cell.case.length(),
        deadline: cell.case.deadline,
        retries,
        own_limit,
    });
    Ok(Started::Clients(Clients::ready(args).await?))
}

async fn service(name: &str, quota: f64, simulator: &Simulator) -> anyhow::Result<Started> {
    let (aws, quota) = (simulator.url(), quota.to_string());
    let mut process = Process::arm(["arm", name, "--aws", &aws, "--quota", &quota])?;
    let url = process.line(PATIENCE).await?;
    process.start().await?;
    let callers = connect(&[&url], Placement::Pinned).await?;
    Ok(Started::Service(process, callers))
}

/// The other tenant, where the case has one: it does not retry.
fn tenant(cell: &Cell, simulator: &Simulator) -> Option<SdkClientArgs> {
    let rate = cell.case.tenant_share * cell.case.quota;
    (rate > 0.0).then(|| SdkClientArgs {
        aws: simulator.url(),
        caller: TENANT,
        rate,
        seed: cell.seed,
        length: cell.case.length(),
        deadline: TENANT_TIMEOUT,
        retries: RetryMode::Off,
        own_limit: None,
    })
}
