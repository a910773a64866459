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

#[path = "admission_simulation/convergence.rs"]
mod convergence;
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

use convergence::Throttles;
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
fn few_calls_fail_slowly_while_the_load_starts() {
    for (quota, load) in [(5.0, 2.0), (25.0, 1.5), (25.0, 2.0)] {
        let start = Scenario {
            warm_up: Duration::ZERO,
            counted: Duration::from_secs(15),
            runs: 10,
            ..scenario(Tenancy::Alone, quota, load)
        };
        let figures = start.run();
        println!("first 15 s | {quota:>2} | {load:>4} | {figures} |");
        assert!(
            figures.failed_slowly() <= 0.03,
            "{quota}, {load}: {figures}"
        );
    }
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

/// The most attempts that are throttled in the 5 s from the first one on, on average.
const MAX_THROTTLES: f64 = 12.0;

#[test]
fn the_rate_adapts_to_another_tenant_within_five_seconds() {
    println!("throttled attempts in each second after the other tenant starts, mean of 20 seeds");
    println!(
        "|  Q | load |   1s |   2s |   3s |   4s |   5s |   6s |   7s |   8s |   9s |  10s | 1-10 s | 11-60 s | first 5 s | most |"
    );
    for (quota, load) in [(5.0, 2.0), (25.0, 2.0), (50.0, 2.0), (25.0, 10.0)] {
        let scenario = Scenario {
            warm_up: Duration::from_secs(20),
            counted: Throttles::SPAN,
            runs: 20,
            ..scenario(Tenancy::Shared, quota, load)
        };
        let convergence = scenario.convergence();
        println!("| {quota:>2} | {load:>4} | {convergence} |");
        let throttles = convergence.until_adapted();
        assert!(throttles <= MAX_THROTTLES, "{quota}, {load}: {throttles}");
    }
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
