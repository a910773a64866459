//! Which runs there are.

use std::time::Duration;

use super::arm::Arm;
use super::case::{Case, Cell, Lengths};

/// The seeds of the base case; the other cases have the first one.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Starting and ending the processes of a run takes about this long.
const AROUND: Duration = Duration::from_millis(1500);
/// The store is away for a third of this.
const OUTAGE: Duration = Duration::from_secs(30);
/// The lengths of the short form.
const SHORT: Lengths = Lengths {
    warm_up: Some(Duration::from_millis(3500)),
    counted: Some(Duration::from_millis(7000)),
};

/// Every arm in the base case with each seed, then the main arms in the other cases.
pub(crate) fn full(lengths: Lengths) -> Vec<Cell> {
    let mut cells = Vec::new();
    for seed in SEEDS {
        for arm in Arm::all() {
            let mut case = Case::base();
            if arm == Arm::STORE_OUTAGE {
                case.counted = OUTAGE;
            }
            cells.push(Cell {
                case: case.with(lengths),
                arm,
                seed,
            });
        }
    }
    for case in Case::variations() {
        for arm in Arm::main() {
            cells.push(Cell {
                case: case.clone().with(lengths),
                arm,
                seed: SEEDS[0],
            });
        }
    }
    cells
}

/// Four arms in the base case, in about a minute.
pub(crate) fn short(lengths: Lengths) -> Vec<Cell> {
    let case = Case::base().with(SHORT).with(lengths);
    let arms = Arm::short().into_iter();
    arms.map(|arm| Cell {
        case: case.clone(),
        arm,
        seed: SEEDS[0],
    })
    .collect()
}

/// About how long `cells` take.
pub(crate) fn length(cells: &[Cell]) -> Duration {
    let each = cells
        .iter()
        .map(|cell| cell.case.length() + cell.case.deadline + AROUND);
    each.sum()
}
