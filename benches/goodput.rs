//! Compares Livegate with the alternatives, over real HTTP and gRPC.
//!
//! ```text
//! cargo bench --bench goodput                                     # about 60 s, with assertions
//! cargo bench --bench goodput -- --full --out docs/benchmarks     # about 50 minutes
//! ```
//!
//! Each run is one case, one arm and one seed, in fresh processes: the simulator of
//! `livegate simulate`, and the arm. The full form writes `goodput.md`, `goodput.json` and
//! plots; it needs `redis-server`. `docs/benchmarks/README.md` defines arms and figures.

#[path = "goodput"]
mod goodput {
    pub(crate) mod arm;
    pub(crate) mod arms;
    pub(crate) mod arrivals;
    pub(crate) mod bounds;
    pub(crate) mod case;
    pub(crate) mod charts;
    pub(crate) mod columns;
    pub(crate) mod contract;
    pub(crate) mod fairness;
    pub(crate) mod figures;
    pub(crate) mod fleet;
    pub(crate) mod http;
    pub(crate) mod load;
    pub(crate) mod machine;
    pub(crate) mod outcome;
    pub(crate) mod plan;
    pub(crate) mod plots;
    pub(crate) mod process;
    pub(crate) mod report;
    pub(crate) mod results;
    pub(crate) mod run;
    pub(crate) mod samples;
    pub(crate) mod simulator;
    pub(crate) mod statistics;
    pub(crate) mod svg;
}

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::time::Instant;

use goodput::arms::{ArmCommand, GuardArgs};
use goodput::case::{Cell, Lengths};
use goodput::columns::COLUMNS;
use goodput::fleet::Store;
use goodput::machine::Machine;
use goodput::results::Results;
use goodput::{bounds, plan, plots, report, run};

/// Compare Livegate with the alternatives.
#[derive(Parser)]
#[command(name = "goodput")]
struct Args {
    /// Run every case, arm and seed instead of the form of 60 s.
    #[arg(long)]
    full: bool,

    /// Write goodput.md, goodput.json and the plots to this directory, which must exist.
    #[arg(long, value_name = "DIRECTORY", requires = "full")]
    out: Option<PathBuf>,

    /// Run only cells whose name contains this text, such as `base / SDK` or `seed 2`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Count so many seconds of each run.
    #[arg(long, value_name = "SECONDS", hide = true)]
    seconds: Option<u64>,

    /// Warm up so many seconds.
    #[arg(long, value_name = "SECONDS", hide = true)]
    warm_up: Option<u64>,

    /// `cargo bench` passes it, and `cargo test --all-targets` does not.
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// A process of an arm.
    #[command(subcommand, hide = true)]
    Arm(ArmCommand),
    /// Another program that ends with the driver.
    #[command(hide = true)]
    Guard(GuardArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    let mut args = Args::parse();
    match args.command.take() {
        Some(Command::Arm(arm)) => Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(arm.run()),
        Some(Command::Guard(guard)) => Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(guard.run()),
        None => Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(args.measure()),
    }
}

impl Args {
    async fn measure(self) -> anyhow::Result<ExitCode> {
        if !self.bench {
            println!("not measured: run `cargo bench --bench goodput`");
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(directory) = &self.out {
            ensure!(
                directory.is_dir(),
                "--out {} is not a directory",
                directory.display()
            );
        }
        let cells = self.cells();
        if cells.iter().any(|cell| cell.arm.needs_store()) {
            Store::version()?;
        }
        println!(
            "{} runs, about {:.0} s",
            cells.len(),
            plan::length(&cells).as_secs_f64()
        );
        let results = measure_all(&cells).await?;
        for case in results.cases() {
            println!("\n{}\n\n{}", case.title, report::table(&results, case));
        }
        if let Some(directory) = &self.out {
            write(directory, &results)?;
        }
        if self.full {
            return Ok(ExitCode::SUCCESS);
        }
        let missed = bounds::missed(&results);
        for bound in &missed {
            eprintln!("missed: {bound}");
        }
        Ok(ExitCode::from(u8::from(!missed.is_empty())))
    }

    fn cells(&self) -> Vec<Cell> {
        let lengths = Lengths {
            warm_up: self.warm_up.map(Duration::from_secs),
            counted: self.seconds.map(Duration::from_secs),
        };
        let mut cells = if self.full {
            plan::full(lengths)
        } else {
            plan::short(lengths)
        };
        if let Some(text) = &self.only {
            cells.retain(|cell| cell.name().contains(text));
        }
        cells
    }
}

async fn measure_all(cells: &[Cell]) -> anyhow::Result<Results> {
    let begun = Instant::now();
    let mut results = Results::default();
    for (number, cell) in cells.iter().enumerate() {
        let figures = match run::run(cell).await {
            Ok(figures) => figures,
            Err(error) => {
                eprintln!("{}: {error:#}; running it once more", cell.name());
                run::run(cell).await.with_context(|| cell.name())?
            }
        };
        let texts = COLUMNS
            .iter()
            .map(|column| format!("{} {}", column.head, column.text(column.over(&[&figures]))));
        let texts = texts.collect::<Vec<_>>().join(", ");
        let seconds = begun.elapsed().as_secs();
        println!(
            "[{}/{}, {seconds} s] {}: {texts}",
            number + 1,
            cells.len(),
            cell.name()
        );
        results.0.push((cell.clone(), figures));
    }
    Ok(results)
}

fn write(directory: &Path, results: &Results) -> anyhow::Result<()> {
    let machine = Machine::read();
    let plots = plots::plots(results);
    let names: Vec<&str> = plots.iter().map(|(name, _)| *name).collect();
    let json = serde_json::to_string_pretty(&report::json(&machine, results))?;
    let mut files = vec![
        (
            "goodput.md".to_owned(),
            report::page(&machine, results, &names),
        ),
        ("goodput.json".to_owned(), json + "\n"),
    ];
    files.extend(
        plots
            .into_iter()
            .map(|(name, svg)| (format!("{name}.svg"), svg)),
    );
    for (name, text) in files {
        let file = directory.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("wrote {}", file.display());
    }
    Ok(())
}
