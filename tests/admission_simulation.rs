//! Does admission hold its bar? A simulation on paused time, seeded.
//!
//! This prints the table:
//!
//! ```text
//! cargo test --test admission_simulation -- --nocapture
//! ```
//!
//! Each cell runs ten callers, one of which sends 70 % of the load, against one
//! quota; see `admission/cell.rs` for the clients and `admission/upstream.rs` for
//! the upstream. A row is the sum of several runs, each from a seed of its own: more
//! of them where a figure is of few requests in a thousand.

#[path = "admission/bar.rs"]
mod bar;
#[path = "admission/cell.rs"]
mod cell;
#[path = "admission/figures.rs"]
mod figures;
#[path = "admission/upstream.rs"]
mod upstream;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bar::missed_in;
use cell::{Cell, Tenancy};
use figures::Figures;

const HEAD: &str = "\
| quota  |  Q | load | goodput | throttles | Jain  |  served | refused |  slow  |  ref99 |  w50  |  w99  |
|        |    |      |  share  | / session |       |    %    | at once | fail % |   ms   |  ms   |  ms   |
| ------ | -- | ---- | ------- | --------- | ----- | ------- | ------- | ------ | ------ | ----- | ----- |";

#[test]
fn the_bar_is_held_in_every_cell() {
    let cells = cells();
    let results = run_all(&cells);
    let mut described: Vec<String> = cells.iter().map(Cell::described).collect();
    described.dedup();
    println!("{}\n{HEAD}", described.join("\n"));
    let mut missed = Vec::new();
    for (cell, figures) in cells.iter().zip(&results) {
        let name = format!(
            "{:6} | {:2} | {:4}",
            format!("{:?}", cell.tenancy).to_lowercase(),
            cell.quota,
            cell.load
        );
        println!("| {name} | {figures} |");
        missed.extend(
            missed_in(cell, figures)
                .into_iter()
                .map(|what| format!("{name}: {what}")),
        );
    }
    assert!(missed.is_empty(), "below the bar:\n{}", missed.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let cell = cell(Tenancy::Shared, 25.0, 2.0);
    let short = Cell {
        counted: Duration::from_secs(20),
        runs: 1,
        ..cell
    };
    assert_eq!(short.run().to_string(), short.run().to_string());
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for tenancy in [Tenancy::Alone, Tenancy::Shared] {
        for quota in [5.0, 25.0, 50.0] {
            for load in [0.8, 2.0, 10.0] {
                cells.push(cell(tenancy, quota, load));
            }
        }
    }
    cells
}

fn cell(tenancy: Tenancy, quota: f64, load: f64) -> Cell {
    // Enough requests for a figure of one in a thousand, also at a small quota.
    let (runs, calls) = match load {
        light if light < 1.0 => (5, 6000.0),
        twice if twice < 10.0 => (3, 6000.0),
        _ => (1, 4000.0),
    };
    Cell {
        quota,
        load,
        tenancy,
        warm_up: Duration::from_secs(30),
        counted: Duration::from_secs_f64(calls / quota),
        runs,
    }
}

/// Runs the cells on as many threads as there are processors.
fn run_all(cells: &[Cell]) -> Vec<Figures> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Figures>>> = Mutex::new(cells.iter().map(|_| None).collect());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, cell)) = take(&next, cells) {
                    let figures = cell.run();
                    done.lock().expect("no cell panics")[index] = Some(figures);
                }
            });
        }
    });
    let done = done.into_inner().expect("no cell panics");
    let all = done.into_iter().map(|figures| figures.expect("all ran"));
    all.collect()
}

fn take<'a>(next: &AtomicUsize, cells: &'a [Cell]) -> Option<(usize, &'a Cell)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, cells.get(index)?))
}
