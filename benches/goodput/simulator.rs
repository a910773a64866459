//! The simulated AWS of one run: `livegate simulate` in a process of its own, whose
//! counters are read every 25 ms.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::case::Cell;
use super::http;
use super::process::{PATIENCE, Process, Running};
use super::samples::Sample;

/// The binary that Cargo built for this benchmark.
pub(crate) const LIVEGATE: &str = env!("CARGO_BIN_EXE_livegate");
const EVERY: Duration = Duration::from_millis(25);

/// A simulator that is up.
pub(crate) struct Simulator {
    process: Running,
    address: String,
}

/// The part of `GET /_simulator/stats` that is read.
#[derive(Deserialize)]
struct Stats {
    create: OperationStats,
    sessions_made: u64,
}

#[derive(Deserialize)]
struct OperationStats {
    calls: u64,
    throttled: u64,
}

impl Simulator {
    pub(crate) async fn start(cell: &Cell) -> anyhow::Result<Self> {
        let case = &cell.case;
        let mut args: Vec<String> = ["simulate", "--listen", "127.0.0.1:0"]
            .map(String::from)
            .into();
        args.push(format!("--create-rate={}", case.quota));
        args.push(format!("--create-burst={}", case.burst()));
        args.push(format!("--seed={}", cell.seed));
        if let Some(fault) = case.fault {
            let calls = case.quota * (case.length() + case.deadline).as_secs_f64() + case.burst();
            let script = fault.script(cell.seed, calls);
            args.extend(script.into_iter().map(|line| format!("--fault={line}")));
        }
        let mut process = Process::guarded(LIVEGATE, args)?;
        let greeting = process.line(PATIENCE).await?;
        let address = greeting.split_once("http://").map(|(_, rest)| rest);
        let address = address.and_then(|rest| rest.split_whitespace().next());
        let address = address.with_context(|| format!("no address in {greeting:?}"))?;
        Ok(Self {
            address: address.to_owned(),
            process: process.discard_output(),
        })
    }

    /// Where SDK clients call it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Reads the counters until `stop`, and once after that.
    pub(crate) fn sample(
        &self,
        zero: Instant,
        stop: CancellationToken,
    ) -> JoinHandle<anyhow::Result<Vec<Sample>>> {
        let address = self.address.clone();
        tokio::spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut samples = Vec::new();
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                samples.push(read(&address, zero).await?);
            }
            samples.push(read(&address, zero).await?);
            Ok(samples)
        })
    }

    pub(crate) async fn end(self) {
        self.process.end().await;
    }
}

async fn read(address: &str, zero: Instant) -> anyhow::Result<Sample> {
    let asked = Instant::now();
    let body = http::get(address, "/_simulator/stats").await?;
    let between = asked + asked.elapsed() / 2;
    let stats: Stats = serde_json::from_str(&body).context("the simulator's stats")?;
    Ok(Sample {
        at: between.saturating_duration_since(zero).as_secs_f64(),
        calls: stats.create.calls,
        throttled: stats.create.throttled,
        made: stats.sessions_made,
    })
}
