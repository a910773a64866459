//! The cost of Livegate, compared with the least that the same work costs with the same
//! libraries.
//!
//! ```text
//! load generator --gRPC--> pass-through: a tonic handler that calls the AWS SDK --> fake AWS
//!                      \-> Livegate, with a quota that never limits            --> fake AWS
//!                      \-> refusal: a tonic handler that refuses with the same details
//!                      \-> Livegate, with a quota of one call a second
//! ```
//!
//! Each server is a process of its own on loopback. The servers of a comparison take turns
//! within each round, and the report has medians over the rounds: a neighbor's load then
//! changes both sides of a ratio. CPU time includes the kernel's for the process. Wall
//! times also include the load generator, which runs on the same processors.
//!
//! ```text
//! cargo bench --bench cost                                 prints the tables
//! cargo bench --bench cost -- --out docs/benchmarks        writes cost.md and cost.json too
//! cargo bench --bench cost -- --baseline OLD_LIVEGATE      compares with another binary
//! ```

#[path = "cost/credentials.rs"]
mod credentials;
#[path = "cost/footprint.rs"]
mod footprint;
#[path = "cost/load.rs"]
mod load;
#[path = "cost/process.rs"]
mod process;
#[path = "cost/report.rs"]
mod report;
#[path = "cost/scenario.rs"]
mod scenario;
#[path = "cost/servers.rs"]
mod servers;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use self::report::Report;
use self::scenario::Scenarios;
use self::servers::Server;

/// Measures what Livegate costs.
#[derive(Parser)]
struct Arguments {
    /// Write cost.md and cost.json to this directory
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Also measure this Livegate binary
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// The number of rounds
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// The seconds for each server in each round
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measure only the tables whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Run one of the servers, until standard input ends
    #[arg(long, hide = true)]
    server: Option<Server>,
    /// The URL of the fake AWS
    #[arg(long, hide = true, default_value = "")]
    aws: String,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(server) = arguments.server {
        return server.run(&arguments.aws).await;
    }
    let scenarios = Scenarios {
        rounds: arguments.rounds,
        span: Duration::from_secs_f64(arguments.seconds),
        baseline: arguments.baseline,
        only: arguments.only,
    };
    let tables = scenarios.run().await?;
    let report = Report::new(tables);
    print!("{}", report.markdown());
    if let Some(folder) = &arguments.out {
        report.write(folder)?;
    }
    Ok(())
}
