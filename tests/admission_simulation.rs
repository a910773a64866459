//! Admission meets its targets: a seeded simulation on paused time.
//!
//! To print the table:
//!
//! ```text
//! cargo test --test admission_simulation -- --nocapture
//! ```
//!
//! In each scenario ten callers, one of which sends 70 % of the load, share one quota;
//! see `admission_simulation/scenario.rs` for the clients and
//! `admission_simulation/upstream.rs` for the upstream. A row is the sum of several
//! runs, each from another seed, with more runs where a figure counts few requests in a
//! thousand.

#[path = "admission_simulation/figures.rs"]
mod figures;
#[path = "admission_simulation/scenario.rs"]
mod scenario;
#[path = "admission_simulation/targets.rs"]
mod targets;
#[path = "admission_simulation/upstream.rs"]
mod upstream;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use figures::Figures;
use scenario::{Scenario, Tenancy};
use targets::missed;

const HEAD: &str = "\
| quota  |  Q | load | goodput | throttles | Jain  |  served | refused |  slow  |  ref99 |  w50  |  w99  |
|        |    |      |  share  | / session |       |    %    | at once | fail % |   ms   |  ms   |  ms   |
| ------ | -- | ---- | ------- | --------- | ----- | ------- | ------- | ------ | ------ | ----- | ----- |";

#[test]
fn every_scenario_meets_its_targets() {
    let scenarios = scenarios();
    let results = run_all(&scenarios);
    let mut descriptions: Vec<String> = scenarios.iter().map(Scenario::description).collect();
    descriptions.dedup();
    println!("{}\n{HEAD}", descriptions.join("\n"));
    let mut failures = Vec::new();
    for (scenario, figures) in scenarios.iter().zip(&results) {
        let name = format!(
            "{:6} | {:2} | {:4}",
            format!("{:?}", scenario.tenancy).to_lowercase(),
            scenario.quota,
            scenario.load
        );
        println!("| {name} | {figures} |");
        failures.extend(
            missed(scenario, figures)
                .into_iter()
                .map(|target| format!("{name}: {target}")),
        );
    }
    assert!(
        failures.is_empty(),
        "missed targets:\n{}",
        failures.join("\n")
    );
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let scenario = scenario(Tenancy::Shared, 25.0, 2.0);
    let short = Scenario {
        counted: Duration::from_secs(20),
        runs: 1,
        ..scenario
    };
    assert_eq!(short.run().to_string(), short.run().to_string());
}

fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for tenancy in [Tenancy::Alone, Tenancy::Shared] {
        for quota in [5.0, 25.0, 50.0] {
            for load in [0.8, 2.0, 10.0] {
                scenarios.push(scenario(tenancy, quota, load));
            }
        }
    }
    scenarios
}

fn scenario(tenancy: Tenancy, quota: f64, load: f64) -> Scenario {
    // Enough requests to measure one in a thousand, also at a small quota.
    let (runs, calls) = match load {
        ..1.0 => (5, 6000.0),
        1.0..10.0 => (3, 6000.0),
        _ => (1, 4000.0),
    };
    Scenario {
        quota,
        load,
        tenancy,
        warm_up: Duration::from_secs(30),
        counted: Duration::from_secs_f64(calls / quota),
        runs,
    }
}

/// Runs the scenarios on as many threads as there are processors.
fn run_all(scenarios: &[Scenario]) -> Vec<Figures> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Figures>>> = Mutex::new(scenarios.iter().map(|_| None).collect());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, scenario)) = take(&next, scenarios) {
                    let figures = scenario.run();
                    done.lock().expect("no scenario panics")[index] = Some(figures);
                }
            });
        }
    });
    let done = done.into_inner().expect("no scenario panics");
    let all = done.into_iter().map(|figures| figures.expect("all ran"));
    all.collect()
}

fn take<'a>(next: &AtomicUsize, scenarios: &'a [Scenario]) -> Option<(usize, &'a Scenario)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, scenarios.get(index)?))
}
